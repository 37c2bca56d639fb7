import { initializerFault, normaliseInitializer, type Initializer } from './initializer.ts';

interface PropBase {
  /** Name in a form. */
  readonly label: string;
  /** One line of help. */
  readonly help: string;
  /** "px", "units". */
  readonly unit?: string;
  /** Matters only while another property has this value. */
  readonly when?: { readonly prop: string; readonly is: string | boolean };
  /** Written by transforms, not by people: left out of forms. */
  readonly hidden?: boolean;
}

/** Stands for null, where null is allowed: what it means, in a few words. */
interface Nullable {
  readonly nullMeans?: string;
}

export interface IntegerProp extends PropBase {
  readonly kind: 'integer';
  readonly default: number;
  readonly min: number;
  readonly max: number;
}
export interface NumberProp extends PropBase, Nullable {
  readonly kind: 'number';
  readonly default: number | null;
  readonly min: number;
  readonly max: number;
}
export interface BooleanProp extends PropBase {
  readonly kind: 'boolean';
  readonly default: boolean;
}
export interface ChoiceProp extends PropBase {
  readonly kind: 'choice';
  readonly default: string;
  readonly options: readonly { readonly value: string; readonly label: string }[];
}
export type Pair = readonly [height: number, width: number];
/** [height, width]; one number stands for both. */
export interface PairProp extends PropBase, Nullable {
  readonly kind: 'pair';
  readonly default: Pair | null;
  readonly min: number;
  readonly max: number;
}
export type Pads = readonly [top: number, left: number, bottom: number, right: number];
/** [top, left, bottom, right]; one number stands for all, two for [vertical, horizontal]. */
export interface PadsProp extends PropBase {
  readonly kind: 'pads';
  readonly default: Pads;
  readonly min: number;
  readonly max: number;
}
/** How weights start; a name stands for that kind with its defaults. */
export interface InitializerProp extends PropBase {
  readonly kind: 'initializer';
  readonly default: Initializer;
}
export type PropSchema = IntegerProp | NumberProp | BooleanProp | ChoiceProp | PairProp | PadsProp | InitializerProp;
export type PropSchemas = Readonly<Record<string, PropSchema>>;

type OrNull<S> = S extends { readonly nullMeans: string } ? null : never;
/** Type of a property's value once checked. */
export type PropValue<S extends PropSchema = PropSchema> = S extends { readonly kind: 'integer' }
  ? number
  : S extends { readonly kind: 'number' }
    ? number | OrNull<S>
    : S extends { readonly kind: 'boolean' }
      ? boolean
      : S extends ChoiceProp
        ? S['options'][number]['value']
        : S extends { readonly kind: 'pair' }
          ? Pair | OrNull<S>
          : S extends { readonly kind: 'pads' }
            ? Pads
            : S extends { readonly kind: 'initializer' }
              ? Initializer
              : never;
export type PropValues<S extends PropSchemas = PropSchemas> = { readonly [K in keyof S]: PropValue<S[K]> };

export type Normalised = { readonly value: unknown } | { readonly expected: string };

/** The checked value of a property in its one canonical form, or what it takes, in words ("a whole number from 1 to 64"). */
export function normaliseProp(schema: PropSchema, value: unknown): Normalised {
  switch (schema.kind) {
    case 'integer':
      return isWhole(value, schema) ? { value } : { expected: `a whole number ${limits(schema)}` };
    case 'number':
      if (value === null && schema.nullMeans !== undefined) return { value };
      return isWithin(value, schema) ? { value } : { expected: `a number ${limits(schema)}${orNull(schema)}` };
    case 'boolean':
      return typeof value === 'boolean' ? { value } : { expected: 'true or false' };
    case 'choice': {
      const names = schema.options.map((option) => option.value);
      return names.some((name) => name === value) ? { value } : { expected: `one of ${names.join(', ')}` };
    }
    case 'pair': {
      if (value === null && schema.nullMeans !== undefined) return { value };
      const pair = typeof value === 'number' ? [value, value] : value;
      return isListOf(pair, 2, schema)
        ? { value: [...pair] }
        : { expected: `a whole number or a pair [height, width] ${limits(schema)}${orNull(schema)}` };
    }
    case 'pads': {
      const pads = typeof value === 'number' ? [value, value, value, value] : value;
      if (isListOf(pads, 4, schema)) return { value: [...pads] };
      if (isListOf(pads, 2, schema)) return { value: [pads[0], pads[1], pads[0], pads[1]] };
      return { expected: `whole numbers [top, left, bottom, right] ${limits(schema)}` };
    }
    case 'initializer': {
      const fault = initializerFault(value);
      return fault === undefined ? { value: normaliseInitializer(value as Initializer) } : { expected: fault };
    }
  }
}

/** Every property at its default. */
export function defaultProps<S extends PropSchemas>(schemas: S): PropValues<S> {
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, schema.default])) as PropValues<S>;
}

interface Limits {
  readonly min: number;
  readonly max: number;
}

const limits = ({ min, max }: Limits): string => `from ${min} to ${max}`;
const orNull = ({ nullMeans }: Nullable): string => (nullMeans === undefined ? '' : `, or null (${nullMeans})`);

function isWithin(value: unknown, { min, max }: Limits): value is number {
  return typeof value === 'number' && value >= min && value <= max;
}

function isWhole(value: unknown, schema: Limits): value is number {
  return Number.isSafeInteger(value) && isWithin(value, schema);
}

function isListOf(value: unknown, length: number, schema: Limits): value is readonly number[] {
  return Array.isArray(value) && value.length === length && value.every((each) => isWhole(each, schema));
}

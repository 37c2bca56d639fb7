/**
 * How the values of a parameter start, as data. `he`, `glorot` and `lecun` take their scale from the number of inputs
 * (fanIn) and outputs (fanOut) of a unit:
 * - he: variance gain² * 2 / fanIn (He et al. 2015, arXiv:1502.01852), for ReLU and its relatives
 * - glorot: gain² * 2 / (fanIn + fanOut) (Glorot & Bengio 2010), for sigmoid and tanh
 * - lecun: gain² / fanIn (LeCun et al. 1998)
 * `uniform` distributions of these have the same variance, so their bound is sqrt(3) standard deviations.
 *
 * `orthogonal` makes the rows (or, where there are more of them, the columns) of the weight, seen as a matrix of outputs by
 * inputs, orthogonal to one another and `gain` long: orthogonal.ts. `lsuv` begins so with gain 1, and then scales each layer in
 * the order of the data until the variance of its outputs over the first training batch is 1 (train/lsuv.ts).
 */
export type Initializer =
  | { readonly kind: 'zeros' }
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'normal'; readonly std: number }
  | { readonly kind: 'uniform'; readonly bound: number }
  | {
      readonly kind: 'glorot' | 'he' | 'lecun';
      readonly distribution: 'normal' | 'uniform';
      readonly gain: number;
    }
  | { readonly kind: 'orthogonal'; readonly gain: number }
  | {
      readonly kind: 'lsuv';
      /** A variance this close to 1 is left as it is. */
      readonly tolerance: number;
      /** Most times that a layer is scaled. */
      readonly iterations: number;
    };
export type InitializerKind = Initializer['kind'];

export interface InitializerInfo {
  readonly label: string;
  readonly help: string;
  /** Numbers of this kind besides its name, with their defaults. */
  readonly numbers: readonly {
    readonly name: 'value' | 'std' | 'bound' | 'gain' | 'tolerance' | 'iterations';
    readonly label: string;
    readonly default: number;
    readonly min: number;
    readonly max: number;
    /** Takes whole numbers only. */
    readonly whole?: boolean;
  }[];
  /** Whether it can be drawn from a normal or a uniform distribution. */
  readonly distributions: boolean;
}

const gain = { name: 'gain', label: 'Gain', default: 1, min: 0, max: 100 } as const;

/** What each kind takes, for forms, checks and the JSON schema. */
export const initializerKinds: Readonly<Record<InitializerKind, InitializerInfo>> = {
  zeros: { label: 'Zeros', help: 'All zero: units that start equal stay equal.', numbers: [], distributions: false },
  constant: {
    label: 'Constant',
    help: 'All the same value.',
    numbers: [{ name: 'value', label: 'Value', default: 0, min: -1e6, max: 1e6 }],
    distributions: false,
  },
  normal: {
    label: 'Normal',
    help: 'Mean 0 and a standard deviation of your own.',
    numbers: [{ name: 'std', label: 'Standard deviation', default: 0.1, min: 0, max: 1e6 }],
    distributions: false,
  },
  uniform: {
    label: 'Uniform',
    help: 'Evenly between -bound and bound.',
    numbers: [{ name: 'bound', label: 'Bound', default: 0.1, min: 0, max: 1e6 }],
    distributions: false,
  },
  glorot: {
    label: 'Glorot',
    help: 'Variance 2 / (inputs + outputs): keeps sigmoid and tanh out of saturation.',
    numbers: [gain],
    distributions: true,
  },
  he: {
    label: 'He',
    help: 'Variance 2 / inputs: makes up for the half that ReLU cuts off.',
    numbers: [gain],
    distributions: true,
  },
  lecun: { label: 'LeCun', help: 'Variance 1 / inputs.', numbers: [gain], distributions: true },
  orthogonal: {
    label: 'Orthogonal',
    help: 'Filters at right angles to one another: signals and gradients keep their length through a linear layer.',
    numbers: [gain],
    distributions: false,
  },
  lsuv: {
    label: 'LSUV',
    help: 'Orthogonal, then scaled layer by layer so that outputs have variance 1 over the first training batch.',
    numbers: [
      { name: 'tolerance', label: 'Tolerance', default: 0.01, min: 1e-6, max: 1 },
      { name: 'iterations', label: 'Iterations', default: 10, min: 1, max: 100, whole: true },
    ],
    distributions: false,
  },
};

const kinds = Object.keys(initializerKinds) as InitializerKind[];
const distributions: readonly unknown[] = ['normal', 'uniform'];

/** What an initialiser must be, in words, or undefined if `value` is one. */
export function initializerFault(value: unknown): string | undefined {
  const names = `an initialiser: ${kinds.join(', ')}`;
  if (typeof value === 'string') return isKind(value) ? undefined : names;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return names;
  const given = value as Readonly<Record<string, unknown>>;
  const { kind } = given;
  if (!isKind(kind)) return `${names}, in "kind"`;
  const info = initializerKinds[kind];
  const known = ['kind', ...info.numbers.map(({ name }) => name), ...(info.distributions ? ['distribution'] : [])];
  const stranger = Object.keys(given).find((key) => !known.includes(key));
  if (stranger !== undefined)
    return `"${kind}" with ${known.slice(1).join(' and ') || 'nothing else'}, without "${stranger}"`;
  if (given['distribution'] !== undefined && !distributions.includes(given['distribution'])) {
    return `"${kind}" with the distribution normal or uniform`;
  }
  for (const { name, min, max, whole } of info.numbers) {
    const number = given[name];
    if (number === undefined) continue;
    const fits = typeof number === 'number' && number >= min && number <= max;
    if (!fits || (whole === true && !Number.isInteger(number))) {
      return `"${kind}" with ${name}${whole === true ? ', a whole number' : ''} from ${min} to ${max}`;
    }
  }
  return undefined;
}

/** The canonical form of a checked initialiser: every number and the distribution (normal by default) written out. */
export function normaliseInitializer(value: Initializer | InitializerKind): Initializer {
  const given: Readonly<Record<string, unknown>> = typeof value === 'string' ? { kind: value } : { ...value };
  const kind = given['kind'] as InitializerKind;
  const info = initializerKinds[kind];
  const numbers = info.numbers.map(({ name, default: own }) => [name, given[name] ?? own] as const);
  return {
    kind,
    ...(info.distributions ? { distribution: given['distribution'] ?? 'normal' } : {}),
    ...Object.fromEntries(numbers),
  } as Initializer;
}

const isKind = (name: unknown): name is InitializerKind => (kinds as readonly unknown[]).includes(name);

/** "He normal", "normal, std 0.1", "zeros". */
export function describeInitializer(initializer: Initializer): string {
  switch (initializer.kind) {
    case 'zeros':
      return 'zeros';
    case 'constant':
      return `constant ${initializer.value}`;
    case 'normal':
      return `normal, std ${initializer.std}`;
    case 'uniform':
      return `uniform ±${initializer.bound}`;
    case 'glorot':
    case 'he':
    case 'lecun': {
      const { label } = initializerKinds[initializer.kind];
      return `${label} ${initializer.distribution}${initializer.gain === 1 ? '' : `, gain ${initializer.gain}`}`;
    }
    case 'orthogonal':
      return initializer.gain === 1 ? 'orthogonal' : `orthogonal, gain ${initializer.gain}`;
    case 'lsuv':
      return 'LSUV';
  }
}

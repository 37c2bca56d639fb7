import { z } from 'zod';
import { LabError } from '../contract/errors.ts';
import { suggestion } from '../contract/near.ts';
import { unwrap } from '../contract/validate.ts';
import { specSchema } from './schema.ts';

type Json = Record<string, unknown>;
type Shape = Record<string, z.ZodType>;

/**
 * Sets one value of a spec document: `training.optimizer.learningRate=0.05`, `model.nodes[2].props.units=50`, or by a node's
 * id `model.nodes.dense1.props.units=50`. The value is JSON, or else text. Objects on the way are made; setting a field of
 * another form (`training.length.steps` over epochs, another `kind`) drops the fields that this form does not have. Where an object
 * with a `kind` belongs, its kind alone will do: `backend=webgpu`, `training.optimizer=adam`.
 * Returns a changed copy. Throws LabError 'invalid' for a path that no spec has, naming near ones.
 */
export function setSpecValue(document: unknown, assignment: string): unknown {
  const equals = assignment.indexOf('=');
  if (equals <= 0) {
    throw new LabError(
      'usage',
      `${JSON.stringify(assignment)} sets nothing: write path=value, for example training.batchSize=32.`,
    );
  }
  const path = assignment.slice(0, equals).trim();
  const keys = parsePath(path);
  if (!isObject(document)) throw new LabError('spec', 'The spec is no JSON object, so nothing can be set in it.');
  const copy = structuredClone(document);
  assign(copy, [specSchema], keys, 0, parseValue(assignment.slice(equals + 1)), path);
  return copy;
}

/** Several assignments, in order. */
export function setSpecValues(document: unknown, assignments: readonly string[]): unknown {
  return assignments.reduce((each: unknown, assignment) => setSpecValue(each, assignment), document);
}

function parseValue(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** Names between dots, `[2]`, `["a.b"]`. */
function parsePath(path: string): (string | number)[] {
  const keys: (string | number)[] = [];
  const part = /\.?(?:\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|([^.[\]=\s]+))/y;
  while (part.lastIndex < path.length) {
    const at = part.lastIndex;
    const match = part.exec(path);
    const dotted = path[at] === '.';
    if (!match || (at === 0 && dotted) || (at > 0 && match[3] !== undefined && !dotted)) {
      throw new LabError(
        'usage',
        `${path}: this is no path; write names with dots and [n], for example model.nodes[2].props.units.`,
      );
    }
    if (match[1] !== undefined) keys.push(Number(match[1]));
    else keys.push(match[2] === undefined ? match[3]! : (JSON.parse(match[2]) as string));
  }
  return keys;
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const shapeOf = (form: z.ZodType): Shape | null => (form instanceof z.ZodObject ? form.shape : null);
const kindsOf = (shape: Shape): unknown[] => (shape['kind'] instanceof z.ZodLiteral ? [...shape['kind'].values] : []);

function assign(
  target: unknown,
  schemas: z.ZodType[],
  keys: (string | number)[],
  at: number,
  value: unknown,
  path: string,
): void {
  const forms = schemas.flatMap(unwrap);
  const key = keys[at]!;
  const last = at === keys.length - 1;
  const where = keys.slice(0, at).join('.');

  if (Array.isArray(target)) {
    const index = indexOf(target, key, path, where);
    if (last) target[index] = value;
    else {
      const elements = forms.flatMap((form) => (form instanceof z.ZodArray ? [form.element as z.ZodType] : []));
      assign((target[index] = container(target[index], elements, path)), elements, keys, at + 1, value, path);
    }
    return;
  }
  if (!isObject(target)) throw new LabError('invalid', `${path}: ${where} holds no fields.`);
  const name = String(key);
  const record = forms.find((form) => form instanceof z.ZodRecord);
  if (record) {
    if (!last) throw new LabError('invalid', `${path}: ${where}.${name} is one value; set it whole.`);
    define(target, name, value);
    return;
  }
  const shapes = forms.map(shapeOf).filter((shape) => shape !== null);
  const form = formFor(shapes, target, name, last ? value : undefined, path, where);
  for (const other of Object.keys(target)) {
    if (shapes.length > 1 && !Object.hasOwn(form, other)) delete target[other];
  }
  if (last && !(typeof value === 'string' && isKindOf(value, form[name]!))) define(target, name, value);
  else {
    // backend=webgpu is short for backend.kind=webgpu
    if (last) keys = [...keys, 'kind'];
    const child = container(target[name], [form[name]!], path);
    define(target, name, child);
    assign(child, [form[name]!], keys, at + 1, value, path);
  }
}

/** Whether a word stands for the `kind` of what belongs there: of objects that have one, where no plain text may stand. */
function isKindOf(word: string, schema: z.ZodType): boolean {
  const forms = unwrap(schema);
  if (forms.some((form) => form.safeParse(word).success)) return false;
  return forms.some((form) => {
    const kind = shapeOf(form)?.['kind'];
    return kind !== undefined && kind.safeParse(word).success;
  });
}

/** A plain property, whatever its name. */
function define(target: Json, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, writable: true, enumerable: true, configurable: true });
}

/** The form of an object that has the field: of several, the one that its `kind` names. */
function formFor(shapes: Shape[], target: Json, name: string, value: unknown, path: string, where: string): Shape {
  const having = shapes.filter((shape) => Object.hasOwn(shape, name));
  if (having.length === 0) {
    const known = [...new Set(shapes.flatMap((shape) => Object.keys(shape)))];
    const place = where === '' ? 'a spec' : where;
    if (known.length === 0) throw new LabError('invalid', `${path}: ${place} has no fields.`);
    throw new LabError('invalid', `${path}: ${place} has no field ${name}.${suggestion(name, known)}`);
  }
  const kind = name === 'kind' ? value : target['kind'];
  const fitting = having.filter((shape) => kindsOf(shape).includes(kind));
  if (fitting.length > 0) return fitting[0]!;
  const kinds = having.flatMap(kindsOf);
  if (kinds.length > 0 && name !== 'kind' && kind !== undefined) {
    throw new LabError(
      'invalid',
      `${path}: ${name} belongs to kind ${kinds.join(' or ')}; set ${where}.kind=${String(kinds[0])} first.`,
    );
  }
  return having[0]!;
}

/** What lies on the way: as it is, or made where there is nothing yet. */
function container(present: unknown, schemas: z.ZodType[], path: string): Json | unknown[] {
  if (isObject(present) || Array.isArray(present)) return present;
  if (present !== undefined && present !== null) {
    const forms = schemas.flatMap(unwrap);
    if (
      !forms.some((form) => form instanceof z.ZodObject || form instanceof z.ZodRecord || form instanceof z.ZodArray)
    ) {
      throw new LabError('invalid', `${path}: there is nothing below ${JSON.stringify(present)}; set a shorter path.`);
    }
  }
  return {};
}

/** By number, or by the `id` of what is in the list. */
function indexOf(list: unknown[], key: string | number, path: string, where: string): number {
  if (typeof key === 'number') {
    if (key < list.length) return key;
    throw new LabError('invalid', `${path}: ${where} has ${list.length} entries, so there is no [${key}].`);
  }
  const ids = list.map((each) => (isObject(each) && typeof each['id'] === 'string' ? each['id'] : ''));
  const index = ids.indexOf(key);
  if (index >= 0) return index;
  throw new LabError('invalid', `${path}: ${where} has no node ${key}.${suggestion(key, ids.filter(Boolean))}`);
}

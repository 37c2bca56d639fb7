import { z } from 'zod';
import { LabError, type LabFault } from './errors.ts';
import { nearNames, suggestion } from './near.ts';

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/** More faults than this are counted, not listed: a hostile document could have millions. */
const maximumFaults = 100;

/** `seeds[1]`, `training.stages[0].size`. */
export function pathText(path: Path): string {
  let text = '';
  for (const key of path) {
    if (typeof key === 'number') text += `[${key}]`;
    else text += text === '' ? String(key) : `.${String(key)}`;
  }
  return text;
}

/** The value at a path, undefined when there is none. */
export function valueAt(value: unknown, path: Path): unknown {
  let at = value;
  for (const key of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined;
    at = Reflect.get(at, key);
  }
  return at;
}

/** What a schema consists of one level down, behind defaults, options and unions. */
export function unwrap(schema: z.ZodType): z.ZodType[] {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) {
    return unwrap(schema.unwrap() as z.ZodType);
  }
  if (schema instanceof z.ZodUnion) return (schema.options as z.ZodType[]).flatMap(unwrap);
  return [schema];
}

/** The keys that an object at `path` may have, over all forms that fit its `kind`, if it names one. */
export function knownKeys(schema: z.ZodType, path: Path, root: unknown): string[] {
  let forms = unwrap(schema);
  let value = root;
  const fitting = (all: z.ZodType[]): z.ZodType[] => {
    const kind = valueAt(value, ['kind']);
    const fit = all.filter(
      (form) =>
        form instanceof z.ZodObject &&
        (form.shape as Record<string, z.ZodType>)['kind'] instanceof z.ZodLiteral &&
        ((form.shape as Record<string, z.ZodLiteral>)['kind']!.values as Set<unknown>).has(kind),
    );
    return fit.length > 0 ? fit : all;
  };
  for (const key of path) {
    const next = fitting(forms).flatMap((form) => {
      if (form instanceof z.ZodObject) {
        const child = (form.shape as Record<string, z.ZodType>)[String(key)];
        return child ? unwrap(child) : [];
      }
      if (form instanceof z.ZodArray) return unwrap(form.element as z.ZodType);
      return [];
    });
    value = valueAt(value, [key]);
    forms = next;
  }
  return [...new Set(fitting(forms).flatMap((form) => (form instanceof z.ZodObject ? Object.keys(form.shape) : [])))];
}

const article = (type: string): string => {
  const names: Record<string, string> = {
    string: 'text',
    number: 'a number',
    int: 'a whole number',
    boolean: 'true or false',
    object: 'an object { ... }',
    record: 'an object { ... }',
    array: 'a list [ ... ]',
    null: 'null',
  };
  return names[type] ?? type;
};

/** A value in a few words, for messages. */
export function printValue(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return 'an object';
  const plain = typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint';
  const text = plain ? String(value) : (JSON.stringify(value) ?? typeof value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

const count = (n: number | bigint, origin: string): string => {
  const units: Record<string, string> = { string: 'character', array: 'entry', set: 'entry' };
  const unit = units[origin];
  if (!unit) return String(n);
  return Number(n) === 1 ? `1 ${unit}` : `${n} ${unit === 'entry' ? 'entries' : `${unit}s`}`;
};

function words(issue: Issue, root: unknown, schema: z.ZodType): string {
  const value = valueAt(root, issue.path);
  const found = printValue(value);
  const missing = value === undefined;
  switch (issue.code) {
    case 'invalid_type':
      return missing
        ? `is missing; expected ${article(issue.expected)}`
        : `expected ${article(issue.expected)}, found ${found}`;
    case 'too_small':
    case 'too_big': {
      const small = issue.code === 'too_small';
      const limit = small ? issue.minimum : issue.maximum;
      const bound = issue.inclusive ? (small ? 'at least' : 'at most') : small ? 'more than' : 'less than';
      const sized = issue.origin === 'string' || issue.origin === 'array';
      return `expected ${bound} ${count(limit, issue.origin)}${sized ? '' : `, found ${found}`}`;
    }
    case 'invalid_value': {
      const values = issue.values.map((each) => printValue(each));
      const known = issue.values.filter((each) => typeof each === 'string');
      // all names stand in the sentence already; only a near one is worth repeating
      const near = typeof value === 'string' && known.length > 3 ? nearNames(value, known) : [];
      const hint = near.length > 0 ? ` Did you mean ${near.join(' or ')}?` : '';
      const list = values.length === 1 ? values[0]! : `one of ${values.join(', ')}`;
      return `${missing ? 'is missing; ' : ''}expected ${list}${missing ? '' : `, found ${found}`}.${hint}`.replace(
        /\.$/,
        '',
      );
    }
    case 'invalid_union': {
      if ('options' in issue && Array.isArray(issue.options)) {
        const options = (issue.options as unknown[]).map((each) => printValue(each)).join(', ');
        return `${missing ? 'is missing; ' : ''}expected one of ${options}${missing ? '' : `, found ${found}`}`;
      }
      return `fits none of the forms: ${forms(schema, issue.path, root)}`;
    }
    default:
      return issue.message;
  }
}

/** `{ epochs } or { steps }`: what a union at `path` offers. */
function forms(schema: z.ZodType, path: Path, root: unknown): string {
  let at = unwrap(schema);
  for (const key of path) {
    at = at.flatMap((form) => {
      if (form instanceof z.ZodObject) {
        const child = (form.shape as Record<string, z.ZodType>)[String(key)];
        return child ? unwrap(child) : [];
      }
      return form instanceof z.ZodArray ? unwrap(form.element as z.ZodType) : [];
    });
  }
  const texts = at.map((form) =>
    form instanceof z.ZodObject ? `{ ${Object.keys(form.shape).join(', ')} }` : form.type,
  );
  return `${texts.join(' or ')}; found ${printKeys(valueAt(root, path))}`;
}

const printKeys = (value: unknown): string =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? `{ ${Object.keys(value).slice(0, 8).join(', ')} }`
    : printValue(value);

/** A union's own complaint is vague; when one form has the right keys, its complaints are the ones to tell. */
function flatten(issue: Issue): Issue[] {
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [issue];
  const right = issue.errors.filter(
    (errors) =>
      !errors.some(
        (each) => each.path.length <= 1 && (each.code === 'unrecognized_keys' || each.code === 'invalid_type'),
      ),
  );
  if (right.length !== 1) return [issue];
  return right[0]!.flatMap((each) => flatten({ ...each, path: [...issue.path, ...each.path] }));
}

/** Every fault that validation found, the path first: `training.batchSize: expected a whole number, found 1.5`. */
export function faultsOf(error: z.ZodError, root: unknown, schema: z.ZodType): LabFault[] {
  const faults: LabFault[] = [];
  for (const issue of error.issues.flatMap(flatten)) {
    if (faults.length >= maximumFaults) {
      faults.push({ message: 'And more faults like these.' });
      break;
    }
    const where = pathText(issue.path);
    if (issue.code === 'unrecognized_keys') {
      const known = knownKeys(schema, issue.path, root);
      for (const key of issue.keys.slice(0, maximumFaults)) {
        const path = pathText([...issue.path, key]);
        faults.push({ message: `${path}: unknown name.${suggestion(key, known)}` });
      }
      continue;
    }
    const text = words(issue, root, schema);
    faults.push({ message: where === '' ? sentence(text) : `${where}: ${text}` });
  }
  return faults;
}

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** Parses the input of a call; throws a LabError 'invalid' that begins with the call's name and the path. */
export function parseInput<S extends z.ZodType>(name: string, schema: S, input: unknown): z.output<S> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const faults = faultsOf(parsed.error, input, schema).map(({ message }) => ({ message: `${name}: ${message}` }));
  throw new LabError('invalid', faults.map(({ message }) => message).join('\n'), faults);
}

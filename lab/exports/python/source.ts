/** Small pieces of Python source. */

/** A literal. Numbers keep all their digits. */
export function literal(value: unknown): string {
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number') return number(value);
  if (typeof value === 'string') return text(value);
  if (Array.isArray(value)) return `(${value.map(literal).join(', ')}${value.length === 1 ? ',' : ''})`;
  return `{${Object.entries(value)
    .map(([key, each]) => `${text(key)}: ${literal(each)}`)
    .join(', ')}}`;
}

function number(value: number): string {
  if (Number.isNaN(value)) return 'float("nan")';
  if (!Number.isFinite(value)) return value > 0 ? 'float("inf")' : 'float("-inf")';
  return String(value);
}

/** JSON's escapes are Python's; what is not printable ASCII is escaped, so that no text can end a line or a literal. */
export function text(value: string): string {
  return JSON.stringify(value).replace(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Words that can stand in a comment or docstring: one line, and nothing that ends it. */
export const comment = (value: string): string =>
  value
    // eslint-disable-next-line no-control-regex -- control characters are what this is about
    .replace(/[\x00-\x1f\x7f\u2028\u2029]+/g, ' ')
    .replaceAll('\\', '/')
    .replaceAll('"""', "'''");

/** "stride=(2, 2), bias=False": what differs from its default. */
export function named(
  values: Readonly<Record<string, unknown>>,
  defaults: Readonly<Record<string, unknown>> = {},
): string {
  return Object.entries(values)
    .filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(defaults[name]))
    .map(([name, value]) => `, ${name}=${literal(value)}`)
    .join('');
}

const keywords =
  'False None True and as assert async await break class continue def del elif else except finally for from global if import in is lambda nonlocal not or pass raise return try while with yield match case self x';
/** What every torch.nn.Module or keras.Model has, and a layer must not replace. */
const taken =
  'add add_module apply bfloat16 buffers build built bn call children compile compute_mask compute_output_shape cpu cuda double dtype dump_patches dynamic eval extra_repr fit float forward get_buffer get_extra_state get_parameter get_submodule half input inputs ipu layers load_state_dict losses metrics modules name named_buffers named_children named_modules named_parameters output outputs parameters predict register_buffer register_forward_hook register_full_backward_hook register_module register_parameter requires_grad_ save set_extra_state share_memory state_dict summary to to_empty train trainable training type variables weights xpu zero_grad';
const reserved = new Set(`${keywords} ${taken}`.split(' '));

/** Python names of nodes: their ids where these are names, and others made unique. */
export function identifiers(ids: readonly string[]): ReadonlyMap<string, string> {
  const used = new Set<string>();
  const names = new Map<string, string>();
  for (const id of ids) {
    const plain = id.replace(/[^A-Za-z0-9_]/g, '_');
    const start = /^[A-Za-z]/.test(plain) && !reserved.has(plain) && !/^(F|np|nn|torch|json|keras)$/.test(plain);
    const wish = start ? plain : `layer_${plain}`;
    let name = wish;
    for (let n = 2; used.has(name); n++) name = `${wish}_${n}`;
    used.add(name);
    names.set(id, name);
  }
  return names;
}

export const indented = (lines: readonly string[], by: number): string[] =>
  lines.map((line) => (line === '' ? '' : `${' '.repeat(by)}${line}`));

export const when = (condition: boolean, ...lines: string[]): string[] => (condition ? lines : []);

const standardModules = ['argparse', 'gzip', 'itertools', 'json', 'math', 'os', 'struct', 'sys', 'time', 'typing'];

/** Imports of the modules of Python's own library that a program uses, in the usual order. */
export const standardImports = (body: string): string =>
  standardModules
    .filter((name) => new RegExp(`\\b${name}\\.`).test(body))
    .map((name) => `import ${name}`)
    .join('\n');

/** Parts of a program, two empty lines apart. */
export const joinParts = (parts: readonly string[]): string =>
  parts
    .map((part) => part.replace(/^\n+|\n+$/g, ''))
    .filter((part) => part !== '')
    .join('\n\n\n')
    .replace(/\n{4,}/g, '\n\n\n');

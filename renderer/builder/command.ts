/**
 * Layers as one types them: "conv 64 bn relu", "dense 10", "conv 32 5x5 s2, relu, pool, flatten". A line becomes a chain of layers;
 * numbers, sizes and words behind a name are its settings. Pure.
 */
import { layers, normaliseProp, type LayerName, type PropSchema } from '../../engine/index.ts';

/** What people call them besides their titles. */
const aliases: Readonly<Record<string, LayerName>> = {
  linear: 'dense',
  fc: 'dense',
  fullyconnected: 'dense',
  conv: 'conv2d',
  convolution: 'conv2d',
  pool: 'maxPool2d',
  maxpool: 'maxPool2d',
  avgpool: 'avgPool2d',
  averagepool: 'avgPool2d',
  gap: 'globalAvgPool2d',
  globalpool: 'globalAvgPool2d',
  globalpooling: 'globalAvgPool2d',
  bn: 'batchNorm',
  batchnormalization: 'batchNorm',
  gn: 'groupNorm',
  ln: 'layerNorm',
  noisybn: 'noisyBatchNorm',
  drop: 'dropout',
  leaky: 'leakyRelu',
  lrelu: 'leakyRelu',
  swish: 'silu',
  hswish: 'hardSwish',
  sum: 'add',
  plus: 'add',
  concatenate: 'concat',
  cat: 'concat',
  upsample: 'resize',
};

const plain = (text: string): string => text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');
const byName = new Map<string, LayerName>(
  (Object.keys(layers) as LayerName[]).flatMap((name) => [
    [plain(name), name] as const,
    [plain(layers[name].title), name] as const,
  ]),
);
for (const [alias, name] of Object.entries(aliases)) byName.set(alias, name);
byName.delete('input');

/** The layer of exactly this name, title or alias. */
export const layerNamed = (text: string): LayerName | undefined => byName.get(plain(text));

/** Words that find a layer in a search: its title, its name, what else it is called. */
export function wordsOf(name: LayerName): string {
  const others = Object.entries(aliases).flatMap(([alias, each]) => (each === name ? [alias] : []));
  return [layers[name].title, name, ...others, layers[name].category].join(' ');
}

/** What a bare number sets. */
const mainProp: Partial<Record<LayerName, string>> = {
  dense: 'units',
  conv2d: 'filters',
  maxPool2d: 'kernel',
  avgPool2d: 'kernel',
  resize: 'size',
  groupNorm: 'groups',
  dropout: 'p',
  leakyRelu: 'slope',
  elu: 'alpha',
};

export interface TypedLayer {
  readonly layer: LayerName;
  readonly props: Record<string, unknown>;
}

export interface Typed {
  readonly layers: readonly TypedLayer[];
  /** What could not be read; null: all of it was. */
  readonly fault: string | null;
}

const mostTyped = 200;

/** Reads a line. The last word may still be unfinished; then it is what `rest` says. */
export function readLine(line: string): Typed {
  const found: TypedLayer[] = [];
  const words = line.split(/[\s,;→>]+/).filter(Boolean);
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const repeat = /^[x×](\d+)$/i.exec(word);
    if (repeat !== null && found.length > 0) {
      const times = Number(repeat[1]);
      if (times < 1 || found.length * times > mostTyped)
        return { layers: found, fault: `“${word}” would give too many layers.` };
      const chain = [...found];
      for (let k = 1; k < times; k++)
        found.push(...chain.map((each) => ({ layer: each.layer, props: { ...each.props } })));
      continue;
    }
    // "batch norm", "global average pooling": the longest run of words that is a name
    const name = [3, 2, 1]
      .map((n) => ({ n, layer: i + n <= words.length ? layerNamed(words.slice(i, i + n).join('')) : undefined }))
      .find(({ layer }) => layer !== undefined);
    if (name?.layer !== undefined) {
      found.push({ layer: name.layer, props: {} });
      i += name.n - 1;
      continue;
    }
    const last = found.at(-1);
    const fault = last === undefined ? `There is no layer called “${word}”.` : setting(last, word);
    if (fault !== null) return { layers: found, fault };
  }
  return { layers: found, fault: null };
}

/** Applies one word to the layer before it: a number, "5x5", "s2", "same", "k3", "name=value". */
function setting({ layer, props }: TypedLayer, word: string): string | null {
  const schemas = layers[layer].props;
  const put = (name: string | undefined, value: unknown): string | null => {
    const schema = name === undefined ? undefined : schemas[name];
    if (name === undefined || schema === undefined) return `${layers[layer].title} does not know “${word}”.`;
    const normalised = normaliseProp(schema, value);
    if (!('value' in normalised)) return `${schema.label} takes ${normalised.expected}, not “${word}”.`;
    props[name] = normalised.value;
    return null;
  };
  const pair = /^(\d+)[x×](\d+)$/i.exec(word);
  if (pair) return put(schemas['kernel'] ? 'kernel' : 'size', [Number(pair[1]), Number(pair[2])]);
  if (/^[\d.]+$/.test(word)) return put(mainProp[layer], Number(word));
  const short = /^([skdg])(\d+)$/i.exec(word);
  const names: Record<string, string> = { s: 'stride', k: 'kernel', d: 'dilation', g: 'groups' };
  if (short) return put(names[short[1]!.toLowerCase()], Number(short[2]));
  const assigned = /^([\p{L}\p{N}]+)=(.+)$/u.exec(word);
  if (assigned) {
    const wish = assigned[1]!.toLowerCase();
    const name = names[wish] ?? Object.keys(schemas).find((each) => each.toLowerCase() === wish);
    return put(name, name === undefined ? null : schemas[name] ? valueOf(schemas[name], assigned[2]!) : null);
  }
  if (/^no-?bias$/i.test(word)) return put('bias', false);
  for (const [name, schema] of Object.entries(schemas)) {
    const option =
      schema.kind === 'choice' && schema.options.find(({ value }) => value.toLowerCase() === word.toLowerCase());
    if (option) return put(name, option.value);
  }
  return `${layers[layer].title} does not know “${word}”, and no layer is called that.`;
}

function valueOf(schema: PropSchema, text: string): unknown {
  if (schema.kind === 'boolean')
    return /^(true|on|yes|1)$/i.test(text) ? true : /^(false|off|no|0)$/i.test(text) ? false : text;
  return schema.kind === 'choice' || schema.kind === 'initializer' ? text : Number(text);
}

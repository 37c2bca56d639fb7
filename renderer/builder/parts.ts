/** Everything that can be put into a network: layers by category, the usual blocks, and kept ones. */
import { layers, type LayerCategory, type LayerName } from '../../engine/index.ts';
import type { Part } from '../state/bench.svelte.ts';
import { wordsOf } from './command.ts';
import { fragmentOf } from './fragment.ts';
import { shelf, type KeptBlock } from './shelf.ts';

export interface PartEntry extends Part {
  readonly id: string;
  readonly layer: LayerName | null;
  readonly summary: string;
  /** What finds it. */
  readonly words: string;
  /** Colours of its layers. */
  readonly categories: readonly LayerCategory[];
}

const categoryTitles: Readonly<Record<LayerCategory, string>> = {
  input: 'Input',
  linear: 'Dense and convolution',
  pooling: 'Pooling and size',
  shape: 'Shape',
  normalisation: 'Normalisation',
  regularisation: 'Regularisation',
  activation: 'Activation',
  merge: 'Join',
};

export const layerParts: readonly PartEntry[] = (Object.keys(layers) as LayerName[])
  .filter((name) => name !== 'input')
  .map((name) => ({
    id: name,
    layer: name,
    title: layers[name].title,
    summary: layers[name].summary,
    words: wordsOf(name),
    block: false,
    categories: [layers[name].category],
    build: () => fragmentOf(name),
  }));

const categoriesOf = (names: readonly string[]): LayerCategory[] => [
  ...new Set(names.flatMap((name) => (layers as Partial<typeof layers>)[name as LayerName]?.category ?? [])),
];

export const shelfParts: readonly PartEntry[] = shelf.map((each) => ({
  id: `shelf ${each.id}`,
  layer: null,
  title: each.title,
  summary: each.summary,
  words: `${each.title} ${each.summary} block`,
  block: true,
  categories: categoriesOf(each.build([32, 8, 8], 10).nodes.map((node) => node.layer)),
  build: each.build,
}));

export const keptPart = (kept: KeptBlock): PartEntry => ({
  id: `kept ${kept.title}`,
  layer: null,
  title: kept.title,
  summary: 'Your own block',
  words: `${kept.title} own block`,
  block: true,
  categories: categoriesOf(kept.fragment.nodes.map((node) => node.layer)),
  build: () => kept.fragment,
});

export const groupsOf = (kept: readonly KeptBlock[]): { title: string; parts: readonly PartEntry[] }[] => [
  ...(kept.length > 0 ? [{ title: 'Your blocks', parts: kept.map(keptPart) }] : []),
  ...(Object.keys(categoryTitles) as LayerCategory[])
    .filter((category) => category !== 'input')
    .map((category) => ({
      title: categoryTitles[category],
      parts: layerParts.filter((part) => part.categories[0] === category),
    })),
  { title: 'Blocks', parts: shelfParts },
];

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkGraph } from '../../../engine/graph/check.ts';
import type { GraphDocument, NodeDocument } from '../../../engine/graph/document.ts';
import { applyRepair, withRepairs } from '../../../engine/graph/repair/repair.ts';
import { layerNames } from '../../../engine/layers/layerName.ts';
import { examples } from '../models/examples.ts';

const options = { inputShape: [1, 28, 28], classes: 10 } as const;
const image: NodeDocument = { id: 'image', layer: 'input' };
const out: NodeDocument = { id: 'out', layer: 'dense', props: { units: 10 } };
const model = (...nodes: NodeDocument[]): GraphDocument => ({ nodes });
const repairsOf = (document: GraphDocument) => withRepairs(document, checkGraph(document, options), options);

/** The labels offered for the first fault; the first of them is applied and must leave the model sound. */
function mend(document: GraphDocument): string[] {
  const { repairs } = repairsOf(document)[0]!;
  const mended = applyRepair(document, repairs[0]!);
  expect(checkGraph(mended, options).faults).toEqual([]);
  return repairs.map(({ label }) => label);
}
const conv = (id: string, props: Record<string, unknown>, ...inputs: string[]): NodeDocument => ({
  id,
  layer: 'conv2d',
  props,
  ...(inputs.length > 0 && { inputs }),
});

describe('repairs', () => {
  it('put a flatten before a dense layer', () =>
    expect(mend(model(image, out))).toEqual(['Insert flatten', 'Insert global pooling']));

  it('give the last layer as many units as there are classes', () =>
    expect(mend(model(image, { id: 'flat', layer: 'flatten' }, { id: 'out', layer: 'dense' }))).toEqual([
      'Set units to 10',
    ]));

  it('end a network that ends in an image', () =>
    expect(mend(model(image, conv('conv', {})))[0]).toBe('Add global pooling and a dense layer'));

  it('end a network that ends in an activation', () =>
    expect(
      mend(model(image, { id: 'flat', layer: 'flatten' }, { id: 'a', layer: 'dense' }, { id: 'relu', layer: 'relu' })),
    ).toEqual(['Add a dense layer of 10 units']));

  it('take out an image layer behind the flatten', () =>
    expect(mend(model(image, { id: 'flat', layer: 'flatten' }, { id: 'pool', layer: 'maxPool2d' }, out))).toContain(
      'Remove pool',
    ));

  it('match the channels and the size of a shortcut', () => {
    const residual = (stride: number): GraphDocument =>
      model(
        image,
        conv('stem', { filters: 8, padding: 'same' }),
        conv('wide', { filters: 16, padding: 'same', stride }),
        { id: 'add', layer: 'add', inputs: ['wide', 'stem'] },
        { id: 'gap', layer: 'globalAvgPool2d' },
        out,
      );
    expect(mend(residual(1))[0]).toBe('Match stem by a 1×1 conv');
    expect(mend(residual(2))[0]).toBe('Match stem by a 1×1 conv');
  });

  it('bring images of different size together before a concat', () =>
    expect(
      mend(
        model(
          image,
          conv('a', { filters: 8, padding: 'same' }),
          conv('b', { filters: 8, stride: 2, padding: 'same' }, 'a'),
          { id: 'cat', layer: 'concat', inputs: ['a', 'b'] },
          { id: 'gap', layer: 'globalAvgPool2d' },
          out,
        ),
      ),
    ).toContain('Resize a to 14×14'));

  it('choose groups that divide, and padding where the window is too large', () => {
    const tail: NodeDocument[] = [{ id: 'gap', layer: 'globalAvgPool2d' }, out];
    expect(
      mend(model(image, conv('a', { filters: 12, groups: 1 }), conv('b', { filters: 8, groups: 8 }), ...tail)),
    ).toContain('Set groups to 4');
    expect(mend(model(image, conv('a', { kernel: 40 }), ...tail))[0]).toBe('Set padding to same');
  });

  it('connect or remove what hangs loose, join what is too much, cut cycles and dead wires', () => {
    const flat: NodeDocument = { id: 'flat', layer: 'flatten' };
    expect(mend(model(image, flat, { id: 'relu', layer: 'relu', inputs: [] }, out))).toEqual([
      'Connect flat',
      'Remove relu',
    ]);
    expect(
      mend(
        model(
          image,
          flat,
          { id: 'a', layer: 'dense', inputs: ['flat'] },
          { id: 'b', layer: 'dense', inputs: ['flat'] },
          { ...out, inputs: ['a', 'b'] },
        ),
      ),
    ).toEqual(['Join them with add']);
    expect(mend(model(image, flat, { ...out, inputs: ['flat', 'ghost'] }))).toEqual(['Remove the wire from ghost']);
    expect(
      mend(
        model(
          image,
          flat,
          { id: 'sum', layer: 'add', inputs: ['flat', 'relu', 'flat2'] },
          { id: 'relu', layer: 'relu' },
          { ...out, inputs: ['relu'] },
          { id: 'flat2', layer: 'flatten', inputs: ['image'] },
        ),
      ),
    ).toEqual(['Remove the wire relu → sum']);
    expect(mend(model(flat, out))).toEqual(['Add an input']);
    expect(
      mend(model(image, flat, { id: 'loose', layer: 'relu', inputs: ['flat'] }, { ...out, inputs: ['flat'] })),
    ).toEqual(['Remove loose']);
  });

  it('put a default back, drop what no layer has, rename the second of two', () => {
    const flat: NodeDocument = { id: 'flat', layer: 'flatten' };
    expect(mend(model(image, flat, { id: 'a', layer: 'dense', props: { units: -3 } }, out))).toEqual([
      'Put the default of units back',
    ]);
    expect(mend(model(image, flat, { id: 'a', layer: 'dense', props: { unit: 3 } }, out))[0]).toContain(
      'did you mean units',
    );
    const twice = model(
      image,
      flat,
      { id: 'a', layer: 'relu' },
      { id: 'a', layer: 'dense', inputs: ['flat'] },
      { ...out, inputs: ['a'] },
    );
    const renamed = applyRepair(twice, repairsOf(twice)[0]!.repairs[0]!);
    expect(renamed.nodes.map(({ id }) => id)).toEqual(['image', 'flat', 'a', 'a1', 'out']);
  });

  it('never throw and never make a sound model of another kind worse, whatever the document', () => {
    const node = fc.record({
      id: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      layer: fc.constantFrom(...layerNames),
      inputs: fc.option(fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'x'), { maxLength: 3 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(node, { maxLength: 6 }), (nodes) => {
        const document = { nodes: nodes.map(({ inputs, ...rest }) => (inputs ? { ...rest, inputs } : rest)) };
        for (const { repairs } of repairsOf(document)) {
          for (const repair of repairs) expect(applyRepair(document, repair)).not.toEqual(document);
        }
      }),
    );
    for (const example of Object.values(examples)) expect(repairsOf(example)).toEqual([]);
  });
});

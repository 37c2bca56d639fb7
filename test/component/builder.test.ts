import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkGraph, layoutGraph, learningRateFactor, type LayerName } from '../../engine/index.ts';
import { specSchema } from '../../lab/contract/spec.ts';
import { newOptimizer, newSchedule, scheduleNames } from '../../renderer/builder/trainingFields.ts';
import {
  chainLayers,
  connect,
  connectReason,
  disconnect,
  reconnect,
  removeNode,
  removeNodes,
  renameNode,
  renameReason,
  replaceNode,
  setProp,
} from '../../renderer/builder/edit.ts';
import { readLine } from '../../renderer/builder/command.ts';
import {
  chainOf,
  cut,
  fitting,
  fragmentOf,
  insert,
  mostDrawn,
  parseFragment,
  printFragment,
} from '../../renderer/builder/fragment.ts';
import { align, keepPlaces } from '../../renderer/builder/places.ts';
import { cardHeight } from '../../renderer/builder/flow.ts';
import { withRoom } from '../../renderer/builder/room.ts';
import { shelf } from '../../renderer/builder/shelf.ts';
import { viewOf } from '../../renderer/builder/view.ts';
import { neighbour } from '../../renderer/builder/walk.ts';
import { losses } from '../../renderer/builder/lossFields.ts';
import { inspectModel, lengthOf, type SpecNode } from '../../renderer/builder/model.ts';
import { decodeBase64 } from '../../renderer/builder/samples.ts';
import { leastTime, slowness } from '../processorTime.ts';
import { makeSpec, mnist } from './fakeLab.ts';

/** One layer behind another. */
function insertAfter(nodes: readonly SpecNode[], id: string, layer: LayerName): { nodes: SpecNode[]; id: string } {
  const result = insert(nodes, fragmentOf(layer), { after: [id] });
  return { nodes: result.nodes, id: result.ids[0]! };
}

const chain = (): SpecNode[] => makeSpec().model.nodes;
const check = (nodes: SpecNode[]) => checkGraph({ nodes }, { inputShape: [1, 28, 28], classes: 10 });

describe('editing a network', () => {
  it('puts every layer of the palette into a chain and takes it out again without a trace', () => {
    for (const layer of chainLayers()) {
      const { nodes, id } = insertAfter(chain(), 'image', layer);
      expect(nodes.map((node) => node.id)).toEqual(['image', id, 'flatten', 'dense1', 'sigmoid1', 'classes']);
      expect(removeNode(nodes, id)).toEqual(chain());
    }
  });

  it('keeps the wiring of branches', () => {
    const residual: SpecNode[] = [
      { id: 'image', layer: 'input' },
      { id: 'flatten', layer: 'flatten' },
      { id: 'a', layer: 'dense' },
      { id: 'b', layer: 'dense' },
      { id: 'add', layer: 'add', inputs: ['a', 'b'] },
      { id: 'out', layer: 'dense', props: { units: 10 } },
    ];
    const { nodes, id } = insertAfter(residual, 'a', 'relu');
    expect(nodes.find((node) => node.id === 'add')?.inputs).toEqual([id, 'b']);
    expect(check(nodes).ok).toBe(true);
    // what is left to read is the node before, so it is not written out
    expect(removeNode(residual, 'b').find((node) => node.id === 'add')).toEqual({ id: 'add', layer: 'add' });
    expect(removeNode(residual, 'nobody')).toEqual(residual);
  });

  it('replaces a layer in its place and keeps properties that both have', () => {
    const nodes: SpecNode[] = [
      { id: 'image', layer: 'input' },
      { id: 'pool', layer: 'maxPool2d', props: { kernel: [3, 3] } },
      { id: 'out', layer: 'flatten' },
    ];
    const { nodes: next, id } = replaceNode(nodes, 'pool', 'avgPool2d');
    expect(next[1]).toEqual({ id, layer: 'avgPool2d', props: { kernel: [3, 3] } });
    expect(replaceNode(nodes, 'pool', 'relu').nodes[1]).not.toHaveProperty('props');
  });

  it('sets a property, and puts its default back', () => {
    const nodes = setProp(chain(), 'dense1', 'units', 50);
    expect(nodes[2]!.props).toEqual({ units: 50 });
    expect(setProp(nodes, 'dense1', 'units', undefined)[2]).toEqual({ id: 'dense1', layer: 'dense' });
  });
});

describe('wires', () => {
  const branches = (): SpecNode[] => [
    { id: 'image', layer: 'input' },
    { id: 'flatten', layer: 'flatten' },
    { id: 'a', layer: 'dense' },
    { id: 'b', layer: 'dense', inputs: ['flatten'] },
    { id: 'add', layer: 'add', inputs: ['a'] },
    { id: 'out', layer: 'dense', props: { units: 10 } },
  ];
  const reads = (nodes: readonly SpecNode[], id: string): readonly string[] | undefined =>
    nodes.find((node) => node.id === id)?.inputs;

  it('are added to layers that take several, and put in the place of the one that others take', () => {
    expect(reads(connect(branches(), 'b', 'add'), 'add')).toEqual(['a', 'b']);
    expect(reads(connect(branches(), 'flatten', 'out'), 'out')).toEqual(['flatten']);
    expect(check(connect(branches(), 'b', 'add')).ok).toBe(true);
  });

  it('are refused in words where they cannot be', () => {
    expect(connectReason(branches(), 'add', 'a')).toContain('cycle');
    expect(connectReason(branches(), 'a', 'a')).toContain('itself');
    expect(connectReason(branches(), 'a', 'image')).toContain('input');
    expect(connectReason(branches(), 'a', 'add')).toContain('already');
    expect(connectReason(branches(), 'a', 'ghost')).not.toBeNull();
    expect(connect(branches(), 'add', 'a')).toEqual(branches());
  });

  it('are taken out and led elsewhere, the order of inputs kept', () => {
    const both = connect(branches(), 'b', 'add');
    expect(reads(reconnect(both, ['a', 'add'], ['flatten', 'add']), 'add')).toEqual(['flatten', 'b']);
    expect(reads(reconnect(both, ['a', 'add'], ['a', 'out']), 'out')).toEqual(['a']);
    expect(reads(disconnect(both, [['a', 'add']]), 'add')).toBeUndefined(); // b is the node before
    expect(reads(disconnect(branches(), [['a', 'add']]), 'add')).toEqual([]);
  });

  it('close over a removed part, whole branches included', () => {
    const both = connect(branches(), 'b', 'add');
    expect(reads(removeNodes(both, ['a', 'b']), 'add')).toEqual(undefined);
    expect(removeNodes(both, ['a', 'b']).map((node) => node.id)).toEqual(['image', 'flatten', 'add', 'out']);
  });

  it('follow a new name', () => {
    const named = renameNode(branches(), 'a', 'left');
    expect(reads(named, 'add')).toEqual(['left']);
    expect(renameReason(branches(), 'a', 'b')).toContain('b');
    expect(renameReason(branches(), 'a', 'so not')).not.toBeNull();
    expect(renameNode(branches(), 'a', 'b')).toEqual(branches());
  });
});

describe('fragments', () => {
  it('go behind what is selected, into a wire, or beside everything', () => {
    const two = chainOf([{ layer: 'dense', props: { units: 7 } }, { layer: 'relu' }]);
    const behind = insert(chain(), two, { after: ['flatten'] });
    expect(behind.nodes.map((node) => node.id)).toEqual([
      'image',
      'flatten',
      'dense2',
      'relu1',
      'dense1',
      'sigmoid1',
      'classes',
    ]);
    expect(check(behind.nodes).ok).toBe(true);
    const into = insert(chain(), two, { wire: ['dense1', 'sigmoid1'] });
    expect(into.nodes.find((node) => node.id === 'sigmoid1')?.inputs ?? [into.ids[1]]).toEqual([into.ids[1]]);
    const loose = insert(chain(), two, 'loose');
    expect(loose.nodes.at(-2)?.inputs).toEqual([]);
    const from = insert(chain(), fragmentOf('dense'), { from: 'flatten' });
    expect(from.nodes.find((node) => node.id === 'dense1')?.inputs).toEqual(['flatten']);
  });

  it('join what is selected: two layers, then add', () => {
    const nodes: SpecNode[] = [
      { id: 'image', layer: 'input' },
      { id: 'flatten', layer: 'flatten' },
      { id: 'a', layer: 'dense' },
      { id: 'relu', layer: 'relu' },
      { id: 'b', layer: 'dense' },
      { id: 'out', layer: 'dense', props: { units: 10 } },
    ];
    const { nodes: joined, ids } = insert(nodes, fragmentOf('add'), { after: ['relu', 'b'] });
    expect(joined.find((node) => node.id === ids[0])?.inputs).toEqual(['relu', 'b']);
    expect(joined.map((node) => node.id)).toEqual(['image', 'flatten', 'a', 'relu', 'b', ids[0], 'out']);
    expect(check(joined).ok).toBe(true);
  });

  it('of the shelf fit behind an image of any number of channels', () => {
    for (const block of shelf.filter(({ id }) => !['denseBlock', 'head'].includes(id))) {
      for (const filters of [3, 16, 24]) {
        const start: SpecNode[] = [
          { id: 'image', layer: 'input' },
          { id: 'stem', layer: 'conv2d', props: { filters } },
          { id: 'gap', layer: 'globalAvgPool2d' },
          { id: 'classes', layer: 'dense', props: { units: 10 } },
        ];
        const { nodes } = insert(start, block.build([filters, 26, 26], 10), { after: ['stem'] });
        expect(check(nodes).faults, block.id).toEqual([]);
      }
    }
  });

  it('travel as text', () => {
    const copied = cut(chain(), ['dense1', 'sigmoid1']);
    const parsed = parseFragment(printFragment(copied));
    if (!('fragment' in parsed)) throw new Error(parsed.fault);
    const { nodes, ids } = insert(chain(), parsed.fragment, { after: ['sigmoid1'] });
    expect(ids).toEqual(['dense2', 'sigmoid2']);
    expect(check(nodes).ok).toBe(true);
    expect('fragment' in parseFragment(JSON.stringify(makeSpec()))).toBe(true);
  });

  it.each([
    ['', 'empty'],
    ['hello', 'not JSON'],
    ['{"a":1}', 'nodes'],
    ['{"nodes":[]}', 'empty'],
    ['{"nodes":[3]}', 'no object'],
    ['{"nodes":[{"id":"a b","layer":"relu"}]}', 'id'],
    ['{"nodes":[{"id":"a","layer":"wormhole"}]}', 'wormhole'],
    ['{"nodes":[{"id":"a","layer":"relu","inputs":"b"}]}', 'inputs'],
    ['{"nodes":[{"id":"a","layer":"relu","props":[]}]}', 'props'],
    ['{"nodes":[{"id":"a","layer":"relu","position":{"x":"left"}}]}', 'position'],
    ['{"nodes":[{"id":"a","layer":"relu","onclick":"x"}]}', 'onclick'],
    ['{"nodes":[{"id":"a","layer":"relu"},{"id":"a","layer":"relu"}]}', 'same id'],
  ])('refuse %s', (text, words) => {
    const parsed = parseFragment(text);
    expect('fault' in parsed ? parsed.fault : '').toContain(words);
  });

  it('refuse ten thousand layers at once, quickly', () => {
    const nodes = Array.from({ length: 10_000 }, (_, i) => ({ id: `n${i}`, layer: 'relu' }));
    const time = leastTime(() => {
      const parsed = parseFragment(JSON.stringify({ nodes }));
      expect('fault' in parsed ? parsed.fault : '').toContain(mostDrawn.toLocaleString('en'));
    }, 3);
    expect(time).toBeLessThan(1000 * slowness());
  });

  it('never make a sound chain unsound by where they go, and never close a cycle', () => {
    const layer = fc.constantFrom(...chainLayers());
    fc.assert(
      fc.property(fc.array(fc.tuple(layer, fc.nat(20)), { maxLength: 10 }), (steps) => {
        let nodes = chain();
        for (const [name, at] of steps) {
          const result = insert(nodes, fragmentOf(name), { after: [nodes[at % nodes.length]!.id] });
          expect(new Set(result.nodes.map((node) => node.id)).size).toBe(nodes.length + 1);
          nodes = result.nodes;
        }
        for (const fault of check(nodes).faults)
          expect(fault.message).not.toMatch(/cycle|reads no|not in the model|ends in 2/);
      }),
      { numRuns: 60 },
    );
  });

  it('offers behind an output what fits it', () => {
    expect(fitting([8, 14, 14])).toContain('conv2d');
    expect(fitting([8, 14, 14])).not.toContain('dense');
    expect(fitting([100])).toContain('dense');
    expect(fitting([100])).not.toContain('maxPool2d');
    expect(fitting(null)).toContain('dense');
  });
});

describe('typing layers', () => {
  const read = (line: string): unknown[] => readLine(line).layers.map(({ layer, props }) => [layer, props]);

  it('reads names, numbers, sizes, words and repetitions', () => {
    expect(read('conv 64 5x5 s2 same bn relu')).toEqual([
      ['conv2d', { filters: 64, kernel: [5, 5], stride: [2, 2], padding: 'same' }],
      ['batchNorm', {}],
      ['relu', {}],
    ]);
    expect(read('dense 10, dropout .3')).toEqual([
      ['dense', { units: 10 }],
      ['dropout', { p: 0.3 }],
    ]);
    expect(read('dense 32 relu x3')).toHaveLength(6);
    expect(read('global average pooling > batch normalisation')).toEqual([
      ['globalAvgPool2d', {}],
      ['batchNorm', {}],
    ]);
    expect(read('conv k=1 no-bias weightinit=glorot')).toMatchObject([
      ['conv2d', { kernel: [1, 1], bias: false, weightInit: { kind: 'glorot' } }],
    ]);
  });

  it('says what it does not know', () => {
    expect(readLine('wormhole').fault).toContain('wormhole');
    expect(readLine('relu 3').fault).toContain('3');
    expect(readLine('dense -1').fault).not.toBeNull();
    expect(readLine('dense 0').fault).toContain('Units');
    expect(readLine('dense relu x9999').fault).toContain('too many');
  });
});

describe('the view', () => {
  const inspected = (nodes: SpecNode[]) =>
    inspectModel(
      makeSpec((spec) => (spec.model.nodes = nodes)),
      mnist,
    ).nodes;

  it('folds a block into one card with its wires', () => {
    const blocks = [{ id: 'b', title: 'B', copies: [['dense1', 'sigmoid1']], collapsed: true }];
    const view = viewOf(inspected(chain()), blocks);
    expect(view.cards.map((card) => card.id)).toEqual(['image', 'flatten', '[b]', 'classes']);
    expect(view.wires.map((wire) => wire.id)).toEqual(['image→flatten', 'flatten→[b]', '[b]→classes']);
    expect(viewOf(inspected(chain()), [{ ...blocks[0]!, collapsed: false }]).cards).toHaveLength(5);
  });

  it('is walked along its wires', () => {
    const view = viewOf(inspected(chain()), []);
    const places = new Map(view.cards.map((card, i) => [card.id, { x: 0, y: i * 100 }]));
    expect(neighbour(view, places, null, 'ArrowDown')).toBe('image');
    expect(neighbour(view, places, 'image', 'ArrowDown')).toBe('flatten');
    expect(neighbour(view, places, 'flatten', 'ArrowUp')).toBe('image');
    expect(neighbour(view, places, 'image', 'End')).toBe('classes');
    expect(neighbour(view, places, 'classes', 'ArrowDown')).toBeNull();
  });
});

describe('room for a fault', () => {
  const pane = { width: 900, height: 400 };
  const chain = Array.from({ length: 12 }, (_, i) => ({
    id: `n${i}`,
    inputs: i === 0 ? [] : [`n${i - 1}`],
    width: 208,
    height: 50,
  }));
  const layout = layoutGraph(chain, pane);
  const columnOf = (id: string): number => layout.nodes.get(id)!.x;

  it('moves what stands below in its column, wires along, and nothing else', () => {
    expect(layout.columns.length).toBeGreaterThan(1);
    const made = withRoom(layout, [{ id: 'n1', cardHeight: 50, room: 60 }]);
    for (const [id, { x, y }] of layout.nodes) {
      const below = columnOf(id) === columnOf('n1') && y > layout.nodes.get('n1')!.y;
      expect(made.nodes.get(id), id).toEqual({ x, y: below ? y + 60 : y });
    }
    for (const wire of made.wires) {
      const [from, to] = [made.nodes.get(wire.from)!, made.nodes.get(wire.to)!];
      // from the lower edge, of the faulty card from below its fault, to the upper edge, without a slanted piece
      expect(wire.points[0]!.y, wire.id).toBe(from.y + 50 + (wire.from === 'n1' ? 60 : 0));
      expect(wire.points.at(-1)!.y, wire.id).toBe(to.y);
      wire.points.slice(1).forEach((point, i) => {
        const before = wire.points[i]!;
        expect(point.x === before.x || point.y === before.y, `${wire.id}, piece ${i}`).toBe(true);
      });
    }
    expect(made.height).toBe(layout.height + 60);
  });

  it('is the layout itself where nothing is wrong', () => {
    expect(withRoom(layout, [])).toBe(layout);
    expect(withRoom(layout, [{ id: 'gone', cardHeight: 50, room: 60 }]).nodes).toEqual(layout.nodes);
  });

  it('is not wanted because costs are unknown behind a fault', () => {
    const spec = makeSpec();
    const heights = (units: unknown): number[] => {
      const next = structuredClone(spec);
      // a flatten that is gone: no shape is known from there on
      if (units === null) next.model.nodes = next.model.nodes.filter(({ id }) => id !== 'flatten');
      return viewOf(inspectModel(next, mnist).nodes, [])
        .cards.filter(({ id }) => id !== 'flatten')
        .map(cardHeight);
    };
    expect(heights(null)).toEqual(heights(100));
  });
});

describe('places by hand', () => {
  const card = (id: string, inputs: string[], position?: { x: number; y: number }) => ({
    id,
    inputs,
    width: 200,
    height: 70,
    position,
  });

  it('stay, and what was inserted finds room under what it reads', () => {
    const { nodes, wires } = keepPlaces([
      card('a', [], { x: 10, y: 0 }),
      card('new', ['a']),
      card('b', ['new'], { x: 10, y: 106 }),
    ]);
    expect(nodes.get('a')).toEqual({ x: 10, y: 0 });
    expect(nodes.get('new')).toEqual({ x: 10, y: 106 });
    expect(nodes.get('b')!.y).toBe(212);
    expect(wires.map((wire) => wire.id)).toEqual(['a→new', 'new→b']);
  });

  it('lead wires around cards', () => {
    const { wires } = keepPlaces([
      card('a', [], { x: 0, y: 0 }),
      card('b', ['a'], { x: 0, y: 106 }),
      card('c', ['b', 'a'], { x: 0, y: 212 }),
    ]);
    const around = wires.find((wire) => wire.id === 'a→c')!;
    expect(around.points.some(({ x }) => x >= 200 || x <= 0)).toBe(true);
  });

  it('are lined up and spread', () => {
    const box = (id: string, x: number, y: number) => ({ id, x, y, width: 200, height: 70 });
    const boxes = [box('a', 0, 0), box('b', 30, 500), box('c', 60, 120)];
    expect(new Set([...align(boxes, 'left').values()].map(({ x }) => x))).toEqual(new Set([0]));
    const spread = align(boxes, 'spreadDown');
    expect(spread.get('c')!.y - spread.get('a')!.y).toBe(spread.get('b')!.y - spread.get('c')!.y);
  });
});

describe('inspecting a network', () => {
  it('shows the effective network with what the switches put in', () => {
    const spec = makeSpec((next) => (next.model.batchNorm = 'before'));
    const { nodes, faults, cost } = inspectModel(spec, mnist);
    expect(faults).toEqual([]);
    expect(nodes.filter((node) => node.inserted).map((node) => node.layer)).toEqual(['batchNorm']);
    // 784*100 weights, gamma and beta in the place of the bias, 100*10 + 10
    expect(cost?.parameters).toBe(78_400 + 200 + 1010);
    expect(nodes.find((node) => node.id === 'dense1')?.outputShape).toEqual([100]);
  });

  it('shows a faulty network as it is drawn, with its faults on the nodes and no totals', () => {
    const spec = makeSpec((next) => {
      next.model.nodes = removeNode(next.model.nodes, 'flatten');
      next.model.batchNorm = 'before';
    });
    const { nodes, cost, faults } = inspectModel(spec, mnist);
    expect(cost).toBeNull();
    expect(faults.length).toBeGreaterThan(0);
    const dense = nodes.find((node) => node.id === 'dense1');
    expect(dense?.faults[0]?.message).toContain('flatten');
    expect(dense?.properties).toContain('100 units');
    expect(nodes.some((node) => node.inserted)).toBe(false);
  });

  it('survives layers that nobody knows', () => {
    const spec = makeSpec((next) => next.model.nodes.splice(3, 1, { id: 'odd', layer: 'wormhole' }));
    const { nodes } = inspectModel(spec, mnist);
    expect(nodes.find((node) => node.id === 'odd')).toMatchObject({ title: 'wormhole', outputShape: null });
  });

  it('counts steps as the lab does: the last batch that is not full is left out', () => {
    expect(lengthOf(makeSpec(), mnist)).toEqual({
      trainImages: 55_000,
      validationImages: 5000,
      stepsPerEpoch: 916,
      totalSteps: 4580,
    });
    const short = makeSpec((next) => {
      next.data.trainImages = 100;
      next.training.length = { epochs: 0.01 };
    });
    expect(lengthOf(short, mnist)).toEqual({
      trainImages: 100,
      validationImages: 5000,
      stepsPerEpoch: 1,
      totalSteps: 1,
    });
  });

  it('decodes sample images', () => expect([...decodeBase64(btoa('\u0000\u00ff'))]).toEqual([0, 255]));
});

describe('training choices', () => {
  it('are all specs that the contract takes, with defaults of its own', () => {
    const { optimizer, schedule } = specSchema.shape.training.shape;
    for (const choice of Object.values(newOptimizer)) {
      expect(optimizer.parse(choice)).toEqual(choice);
      if (choice.kind !== 'adam') expect(optimizer.parse({ kind: choice.kind })).toEqual(choice);
    }
    for (const kind of Object.keys(scheduleNames) as (keyof typeof scheduleNames)[]) {
      const choice = newSchedule(kind, 1000);
      expect(schedule.parse(choice)).toEqual(choice);
      for (const step of [0, 500, 999]) {
        const factor = learningRateFactor(choice, step, 1000);
        expect(factor).toBeGreaterThanOrEqual(0);
        expect(factor).toBeLessThanOrEqual(1);
      }
    }
  });
});

describe('losses', () => {
  it('are all that the contract takes, with defaults of its own', () => {
    const { loss } = specSchema.shape.training.shape;
    for (const choice of Object.values(losses)) {
      expect(loss.parse(choice.loss)).toEqual(choice.loss);
      expect(loss.parse({ kind: choice.loss.kind })).toEqual(choice.loss);
    }
  });
});

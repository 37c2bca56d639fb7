import { describe, expect, it } from 'vitest';
import { checkGraph, learningRateFactor } from '../../engine/index.ts';
import { specSchema } from '../../lab/contract/spec.ts';
import { newOptimizer, newSchedule, scheduleNames } from '../../renderer/builder/trainingFields.ts';
import { chainLayers, insertAfter, removeNode, replaceNode, setProp } from '../../renderer/builder/edit.ts';
import { losses } from '../../renderer/builder/lossFields.ts';
import { inspectModel, lengthOf, type SpecNode } from '../../renderer/builder/model.ts';
import { decodeBase64 } from '../../renderer/builder/samples.ts';
import { makeSpec, mnist } from './fakeLab.ts';

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
    expect(lengthOf(makeSpec(), mnist)).toEqual({ trainImages: 55_000, stepsPerEpoch: 916, totalSteps: 4580 });
    const short = makeSpec((next) => {
      next.data.trainImages = 100;
      next.training.length = { epochs: 0.01 };
    });
    expect(lengthOf(short, mnist)).toEqual({ trainImages: 100, stepsPerEpoch: 1, totalSteps: 1 });
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

import { describe, expect, it } from 'vitest';
import { fuse, type Work } from '../../../engine/cpu/fuse.ts';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import { spawnHelper } from '../../../engine/host/spawn.node.ts';
import type { Backend, CompileOptions } from '../../../engine/backend.ts';
import type { NodeDocument } from '../../../engine/graph/document.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';
import { sizeOf } from '../../../engine/tensor.ts';
import { fillNet, lowerNet, sgd, stepsOf, type Net } from './net.ts';

const conv = (id: string, filters: number, more: object = {}): NodeDocument => ({
  id,
  layer: 'conv2d',
  props: { filters, padding: 'same', bias: false, ...more },
});
const block = (name: string, filters: number): NodeDocument[] => [
  conv(name, filters),
  { id: `${name}_bn`, layer: 'batchNorm' },
  { id: `${name}_relu`, layer: 'relu' },
];
const end: NodeDocument[] = [
  { id: 'flatten', layer: 'flatten' },
  { id: 'logits', layer: 'dense', props: { units: 10 } },
];

const nets: Readonly<Record<string, readonly NodeDocument[]>> = {
  'blocks with and without pooling': [
    ...block('a', 6),
    ...block('b', 9),
    { id: 'pool', layer: 'maxPool2d' },
    ...block('c', 17),
    ...end,
  ],
  'windows of 3x5, and a channel': [
    ...block('a', 1),
    { id: 'pool', layer: 'maxPool2d', props: { kernel: [3, 5], stride: [3, 5] } },
    ...end,
  ],
  'windows that leave pixels out': [
    ...block('a', 5),
    { id: 'pool', layer: 'maxPool2d', props: { kernel: [3, 3], stride: [2, 2] } },
    ...end,
  ],
  'a rectified image with two readers': [
    ...block('a', 8),
    { id: 'pool', layer: 'maxPool2d' },
    conv('b', 8),
    { ...conv('side', 8, { stride: [2, 2] }), inputs: ['a_relu'] },
    { id: 'sum', layer: 'add', inputs: ['b', 'side'] },
    ...end,
  ],
};

const kinds = (works: readonly Work[]): string[] =>
  works.flatMap((work) => (work.kind === 'op' ? [] : [`${work.kind}${work.pool ? ' pool' : ''}`]));

const segment = ({ plan }: Net, name: string): Work[] =>
  fuse(
    plan,
    plan.segments.find((each) => each.name === name)!,
  );

/** Parameters, running statistics and gradients after two steps. */
async function trained(net: Net, backend: Backend, options: CompileOptions = {}): Promise<Map<string, Float32Array>> {
  const executable = await backend.compile(net.plan, options);
  fillNet(net, executable);
  const step = stepsOf(net, executable, sgd);
  for (let i = 0; i < 2; i++) step();
  const { parameters, buffers, gradients } = net.plan.handles;
  const found = new Map<string, Float32Array>();
  for (const id of [...parameters, ...buffers, ...gradients]) {
    const { name, shape } = net.plan.tensors[id]!;
    const values = new Float32Array(sizeOf(shape));
    await executable.read(id, values);
    found.set(name, values);
  }
  await executable.dispose();
  return found;
}

describe('the pass', () => {
  const lowered = (name: string): Net => lowerNet(nets[name]!, [1, 12, 10], 8, sgd);

  it('joins batch norm, ReLU and pooling, forward, backward and in evaluation', () => {
    const net = lowered('blocks with and without pooling');
    const forward = ['rectifiedNorm', 'rectifiedNorm pool', 'rectifiedNorm'];
    const backward = ['rectifiedNormGrad', 'rectifiedNormGrad pool', 'rectifiedNormGrad'];
    expect(kinds(segment(net, 'train'))).toEqual([...forward, ...backward]);
    expect(kinds(segment(net, 'evaluateTest'))).toEqual(forward);
  });

  it('leaves pools alone whose windows do not tile the image', () => {
    expect(kinds(segment(lowered('windows that leave pixels out'), 'train'))).toEqual([
      'rectifiedNorm',
      'rectifiedNormGrad',
    ]);
  });

  it('keeps an image that others read, and every op once', () => {
    const net = lowered('a rectified image with two readers');
    const works = segment(net, 'train');
    const group = works.find((work) => work.kind === 'rectifiedNorm');
    expect(group).toMatchObject({ keepsRectified: true });
    const ops = works.flatMap((work) =>
      work.kind === 'op' ? [work.instance] : [work.norm, work.activation, ...(work.pool ? [work.pool] : [])],
    );
    const all = net.plan.segments.find(({ name }) => name === 'train')!.ops;
    expect(ops).toHaveLength(all.length);
    expect(new Set(ops)).toEqual(new Set(all));
  });
});

describe('fused groups against the reference backend', () => {
  it.each(Object.entries(nets))('%s', async (_, layers) => {
    const net = lowerNet(layers, [1, 12, 10], 9, sgd);
    const wanted = await trained(net, referenceBackend);
    const got = await trained(net, cpuBackend);
    for (const [name, values] of wanted) {
      const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const worst = values.reduce((most, value, i) => Math.max(most, Math.abs(value - got.get(name)![i]!)), 0);
      expect(worst, name).toBeLessThan(1e-4 * largest + 1e-6);
    }
    expect(await trained(net, cpuBackend, { threads: 3, spawn: spawnHelper })).toEqual(got);
  });
});

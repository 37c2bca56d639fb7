import { describe, expect, it } from 'vitest';
import type { GraphDocument } from '../../../engine/graph/document.ts';
import { initialValues } from '../../../engine/layers/initialize.ts';
import { hyperSize, randomSize, type TensorId } from '../../../engine/ops/op.ts';
import { appendBackward } from '../../../engine/plan/backward.ts';
import { PlanBuilder } from '../../../engine/plan/builder.ts';
import { printOp } from '../../../engine/plan/print.ts';
import { verifyPlan } from '../../../engine/plan/verify.ts';
import { RandomStream, streamKind } from '../../../engine/random.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';
import { sizeOf } from '../../../engine/tensor.ts';
import { branches, leNet, mlp, residual, vgg } from '../models/examples.ts';
import { checked, lowered } from '../models/lowered.ts';

/** A builder with x and y = f(x) for hand-made graphs of [2, 3] values. */
class Sketch {
  readonly builder = new PlanBuilder();
  readonly x = this.value('x', 'parameter');

  value(name: string, role: 'parameter' | 'activation' | 'input' | 'gradient' | 'result' = 'activation'): TensorId {
    return this.builder.tensor(name, [2, 3], 'f32', role);
  }

  relu(x: TensorId, name: string): TensorId {
    const y = this.value(name);
    this.builder.op('s', { op: 'activation', attrs: { fn: 'relu' }, inputs: { x }, outputs: { y }, phase: 'forward' });
    return y;
  }

  add(a: TensorId, b: TensorId, name: string): TensorId {
    const y = this.value(name);
    this.builder.op('s', { op: 'add', attrs: {}, inputs: { a, b }, outputs: { y }, phase: 'forward' });
    return y;
  }

  backward(from: TensorId, targets: readonly TensorId[] = [this.x]): string[] {
    const seed = this.value('dy', 'input');
    const forward = this.builder.ops('s').length;
    appendBackward(this.builder, 's', {
      seeds: [{ tensor: from, gradient: seed }],
      targets: targets.map((tensor, i) => ({ tensor, gradient: this.value(`d${i}`, 'gradient') })),
    });
    const plan = this.builder.build();
    verifyPlan(plan);
    return this.builder
      .ops('s')
      .slice(forward)
      .map((op) => printOp(plan, op).replaceAll('[2×3]', '').replace(' {fn: "relu"}', ''));
  }
}

describe('appendBackward', () => {
  it('writes the gradient of a target where it is asked for', () => {
    const s = new Sketch();
    expect(s.backward(s.relu(s.x, 'y'))).toEqual(['activationGrad y=y dy=dy -> dx=d0']);
  });

  it('sums the gradients of several readers, last reader first', () => {
    const s = new Sketch();
    const h = s.relu(s.x, 'h');
    const left = s.relu(h, 'left');
    const right = s.relu(h, 'right');
    expect(s.backward(s.add(left, right, 'y'))).toEqual([
      'activationGrad y=right dy=dy -> dx=h.grad.1',
      'activationGrad y=left dy=dy -> dx=h.grad.2',
      'add a=h.grad.1 b=h.grad.2 -> y=h.grad',
      'activationGrad y=h dy=h.grad -> dx=d0',
    ]);
  });

  it('sums three readers in two adds, and a target that is read twice into its own tensor', () => {
    const s = new Sketch();
    const parts = ['a', 'b', 'c'].map((name) => s.relu(s.x, name));
    const sum = s.add(s.add(parts[0]!, parts[1]!, 'ab'), parts[2]!, 'abc');
    expect(s.backward(sum)).toEqual([
      'activationGrad y=c dy=dy -> dx=x.grad.1',
      'activationGrad y=b dy=dy -> dx=x.grad.2',
      'activationGrad y=a dy=dy -> dx=x.grad.3',
      'add a=x.grad.1 b=x.grad.2 -> y=x.grad.sum1',
      'add a=x.grad.sum1 b=x.grad.3 -> y=d0',
    ]);
  });

  it('gives a value that is added to itself twice its gradient', () => {
    const s = new Sketch();
    const h = s.relu(s.x, 'h');
    expect(s.backward(s.add(h, h, 'y'))).toEqual([
      'add a=dy b=dy -> y=h.grad',
      'activationGrad y=h dy=h.grad -> dx=d0',
    ]);
  });

  it('leaves out what does not lead from a target to a seed', () => {
    const s = new Sketch();
    const other = s.value('other', 'input');
    const constant = s.relu(other, 'constant');
    const h = s.relu(s.x, 'h');
    s.relu(h, 'dead');
    expect(s.backward(s.add(h, constant, 'y'))).toEqual(['activationGrad y=h dy=dy -> dx=d0']);
  });

  it('refuses targets that have no gradient of their own', () => {
    const s = new Sketch();
    const y = s.relu(s.x, 'y');
    const lonely = s.value('lonely', 'parameter');
    expect(() => s.backward(y, [s.x, lonely])).toThrow('"lonely" has no influence on the loss in segment s');
    const direct = new Sketch();
    expect(() => direct.backward(direct.add(direct.x, direct.value('b', 'input'), 'y'))).toThrow(
      'a sum cannot read it directly',
    );
  });
});

const small = [1, 8, 8];
const stack = (...nodes: GraphDocument['nodes']): GraphDocument => ({
  nodes: [{ id: 'input', layer: 'input' }, ...nodes],
});
const smooth: GraphDocument = stack(
  { id: 'c1', layer: 'conv2d', props: { filters: 3, padding: 'same', stride: [2, 1] } },
  { id: 'n1', layer: 'batchNorm' },
  { id: 'g1', layer: 'gelu', props: { approximate: 'tanh' } },
  { id: 'both', layer: 'concat', inputs: ['g1', 'c1', 'g1'] },
  { id: 'p1', layer: 'avgPool2d', props: { kernel: 2, padding: 'same', stride: 1 } },
  { id: 'three', layer: 'add', inputs: ['p1', 'both', 'p1'] },
  { id: 'f', layer: 'flatten' },
  { id: 'd1', layer: 'dense', props: { units: 12 } },
  { id: 't1', layer: 'tanh' },
  { id: 'drop', layer: 'dropout', props: { p: 0.4 } },
  { id: 'n2', layer: 'batchNorm', props: { momentum: null } },
  { id: 'out', layer: 'dense', props: { units: 10 } },
);
/** The same model with few units and filters, and kernels that fit into 8×8 pixels. */
const narrow = (document: GraphDocument): GraphDocument => ({
  nodes: document.nodes.map((node) => {
    const { units, filters, kernel } = node.props ?? {};
    const props = {
      ...node.props,
      ...(typeof units === 'number' ? { units: Math.min(units, units === 10 ? 10 : 12) } : {}),
      ...(typeof filters === 'number' ? { filters: Math.min(filters, 4) } : {}),
      ...(kernel === 5 ? { kernel: 3 } : {}),
    };
    return { ...node, props };
  }),
});

/** Runs one step with learning rate 0, and gives the loss and every gradient. */
async function stepOf(document: GraphDocument, seed: number) {
  const plan = lowered(document, {
    inputShape: small,
    batchSize: 6,
    trainImages: 12,
    testImages: 3,
    loss: { kind: 'crossEntropy', labelSmoothing: 0.1 },
  });
  const executable = await referenceBackend.compile(plan);
  const { handles } = plan;
  const random = new RandomStream(seed, streamKind.noise);
  const bytes = (id: TensorId, limit: number): Uint8Array =>
    Uint8Array.from({ length: sizeOf(plan.tensors[id]!.shape) }, () => random.below(limit));
  executable.write(handles.trainPixels, bytes(handles.trainPixels, 256));
  executable.write(handles.trainLabels, bytes(handles.trainLabels, 10));
  executable.write(handles.offset, new Float32Array([128]));
  executable.write(handles.scale, new Float32Array([1 / 64]));
  executable.write(handles.trainIndices, Int32Array.from([3, 1, 4, 11, 5, 9]));
  executable.write(handles.random, new Int32Array(randomSize).fill(7));
  executable.write(handles.hyper, new Float32Array(hyperSize));
  const start = initialValues(checked(document, small).nodes, seed);
  for (const id of [...handles.parameters, ...handles.buffers])
    executable.write(id, start.get(plan.tensors[id]!.name)!);
  const parameters = handles.parameters.map((id) => start.get(plan.tensors[id]!.name) as Float32Array);
  const history = new Float32Array(handles.historySlots * 2);
  const run = async (): Promise<number> => {
    handles.parameters.forEach((id, i) => executable.write(id, parameters[i]!));
    executable.run('train');
    await executable.read(handles.history, history);
    return history[(7 % handles.historySlots) * 2]!;
  };
  const gradients = async (): Promise<Float32Array[]> => {
    const values = handles.gradients.map((id) => new Float32Array(sizeOf(plan.tensors[id]!.shape)));
    for (const [i, id] of handles.gradients.entries()) await executable.read(id, values[i]!);
    return values;
  };
  return { parameters, run, gradients, random, names: handles.parameters.map((id) => plan.tensors[id]!.name) };
}

describe('gradients of lowered models', () => {
  // Along a direction d, the loss must change by gradient · d. The loss is stored in float32 (an error of 1.5e-7 at 2.5), so the
  // quotient carries an error of 1.5e-7 / step. Behind many kinks (ReLU, max pooling) it converges only linearly with the step:
  // vgg is off by 12 % at 4e-3, 7 % at 2e-3, under 5 % from 1e-3 on.
  it.each([
    ['smooth', smooth, 4e-3, 0.01],
    ['mlp', narrow(mlp), 4e-3, 0.01],
    ['leNet', narrow(leNet), 4e-3, 0.01],
    ['branches', branches, 4e-3, 0.01],
    ['residual', narrow(residual), 1e-3, 0.03],
    ['vgg', narrow(vgg), 5e-4, 0.05],
  ] as const)('agree with differences of the loss: %s', async (_name, document, step, tolerance) => {
    const { parameters, run, gradients, random, names } = await stepOf(document, 5);
    await run();
    const slopes = await gradients();
    for (const [i, values] of parameters.entries()) {
      const at = values.slice();
      const direction = new Float32Array(at.length);
      random.fillNormal(direction);
      // Mostly along the gradient, so that the slope is far from 0.
      const norm = Math.hypot(...slopes[i]!) || 1;
      const unit = direction.map((d, j) => (0.3 * d) / Math.sqrt(at.length) + slopes[i]![j]! / norm);
      const losses: number[] = [];
      for (const sign of [1, -1]) {
        for (let j = 0; j < at.length; j++) values[j] = at[j]! + sign * step * unit[j]!;
        losses.push(await run());
      }
      values.set(at);
      const measured = (losses[0]! - losses[1]!) / (2 * step);
      const expected = unit.reduce((sum, d, j) => sum + d * slopes[i]![j]!, 0);
      expect(Math.abs(measured - expected), `${names[i]!}: measured ${measured}, gradient ${expected}`).toBeLessThan(
        4e-7 / step + tolerance * Math.abs(expected),
      );
    }
  });
});

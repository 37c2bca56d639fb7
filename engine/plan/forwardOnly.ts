import type { CheckedGraph } from '../graph/check.ts';
import type { Mode } from '../layers/layer.ts';
import { randomSize, type TensorId } from '../ops/op.ts';
import { PlanBuilder } from './builder.ts';
import { lowerModel } from './forward.ts';
import type { Plan } from './plan.ts';
import { verifyPlan } from './verify.ts';

/** One pass forward over a few images, after which the value of every node can be read. */
export interface ForwardPlan extends Plan {
  readonly handles: {
    /** f32 [batch, C, H, W]: preprocessed images, written by the host. */
    readonly input: TensorId;
    /** i32 [3]: seed and step, for dropout and noise in mode 'train'. */
    readonly random: TensorId;
    /** Parameters and buffers by "<node>.<name>". */
    readonly named: ReadonlyMap<string, TensorId>;
    /** The value of every node, [batch, ...shape]. A node that hands its input on shares its tensor. */
    readonly values: ReadonlyMap<string, TensorId>;
  };
  readonly batch: number;
}

/** Segment 'forward'. Throws EngineError('plan'); the graph has to be without faults. */
export function lowerForwardOnly(checked: CheckedGraph, batch: number, mode: Mode): ForwardPlan {
  const builder = new PlanBuilder();
  const random = builder.tensor('step.random', [randomSize], 'i32', 'input');
  const named = new Map<string, TensorId>();
  for (const { id, parameters, buffers } of checked.nodes) {
    for (const { name, shape } of parameters) {
      named.set(`${id}.${name}`, builder.tensor(`${id}.${name}`, shape, 'f32', 'parameter', id));
    }
    for (const { name, shape, dtype } of buffers) {
      named.set(`${id}.${name}`, builder.tensor(`${id}.${name}`, shape, dtype, 'buffer', id));
    }
  }
  const entrance = checked.nodes.find(({ layer }) => layer === 'input')!;
  const input = builder.tensor('images', [batch, ...entrance.outputShape], 'f32', 'input', entrance.id);
  const { values } = lowerModel(
    { builder, checked, named, random },
    { segment: 'forward', mode, prefix: '', batch, logits: undefined, input: () => input, role: 'result' },
  );
  const plan = { ...builder.build(), handles: { input, random, named, values }, batch };
  verifyPlan(plan);
  return plan;
}

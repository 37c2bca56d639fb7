import type { OpName, TensorId } from '../../ops/op.ts';
import type { OpInstanceOf } from '../../plan/plan.ts';
import type { GpuArray, GpuContext, GpuKernel } from '../kernel.ts';
import { each } from './each.ts';

/**
 * An op whose element i comes from element i of other tensors. So it can be computed where one of them is, before that one
 * has gone to memory (fuse.ts).
 */
export interface Elementwise {
  readonly label: string;
  /** f32 tensors of the result's size, by the name that `value` knows their element i under. */
  readonly at: Readonly<Record<string, TensorId>>;
  /** What is read at other places. */
  readonly beside?: Readonly<Record<string, GpuArray | undefined>>;
  readonly result: TensorId;
  /** The expression for element `i` (u32); reads what is beside through the accessors that it is given. */
  value(accessors: Readonly<Record<string, string | undefined>>): string;
  readonly functions?: string;
}

export type ElementwiseOf<N extends OpName> = (
  instance: OpInstanceOf<N>,
  context: Pick<GpuContext, 'tensor' | 'optional'>,
) => Elementwise;

/** A dispatch of its own. */
export function dispatchAlone(context: GpuContext, of: Elementwise): void {
  const result = context.tensor(of.result);
  const { at, beside = {}, functions } = of;
  const present = Object.keys(beside).filter((name) => beside[name] !== undefined);
  each(context, result.size, {
    label: of.label,
    read: {
      ...Object.fromEntries(Object.entries(at).map(([name, id]) => [`${name}_at`, context.tensor(id)])),
      ...beside,
    },
    emit: { result },
    ...(functions === undefined ? {} : { functions }),
    body: `
${Object.keys(at)
  .map((name) => `  let ${name} = ${name}_at(i);`)
  .join('\n')}
  emit_result(i, ${of.value(Object.fromEntries(present.map((name) => [name, name])))});`,
  });
}

/** The kernel of an op that is element by element. */
export const alone =
  <N extends OpName>(elementwise: ElementwiseOf<N>): GpuKernel<N> =>
  (instance, context) => {
    dispatchAlone(context, elementwise(instance, context));
  };

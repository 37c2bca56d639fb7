import { EngineError } from '../errors.ts';
import type { TensorId } from '../ops/op.ts';
import type { OpInstance } from '../plan/plan.ts';
import { joinDeclarations } from './declarations.ts';
import type { GpuArray, GpuContext, GpuDispatch, GpuTensor } from './kernel.ts';
import { halfOf } from './half.ts';
import { elementwiseOf } from './kernels/links.ts';

interface Chain {
  readonly links: readonly OpInstance[];
  readonly roots: readonly TensorId[];
  readonly elided: ReadonlySet<TensorId>;
  readonly context: Pick<GpuContext, 'tensor' | 'optional'>;
}

/** A dispatch with what `emit` means written out: the result goes to memory, and so does what the links make of it. */
export function withEpilogue(dispatch: GpuDispatch, { links, roots, elided, context }: Chain): GpuDispatch {
  const { emit = {}, ...rest } = dispatch;
  requireWhole(dispatch);
  const [emitted] = Object.entries(emit);
  if (emitted === undefined) return dispatch;
  const [name, result] = emitted;
  const write: Record<string, GpuArray | undefined> = { ...rest.write };
  const read: Record<string, GpuArray | undefined> = { ...rest.read };
  const functions: string[] = [dispatch.functions ?? ''];
  const lines: string[] = [];
  /** Names of the values at hand, by the root of their tensor. */
  const values = new Map<TensorId, string>();
  const keep = (tensor: GpuTensor, target: string, value: string): void => {
    const isHalf = tensor.dtype === 'f16';
    // who computes from a value that is kept computes from what was kept, as the way back will
    values.set(roots[tensor.id]!, isHalf && !elided.has(roots[tensor.id]!) ? `f32(half_${target})` : value);
    if (elided.has(roots[tensor.id]!)) return;
    write[target] = tensor;
    if (isHalf) {
      functions.push(halfOf);
      lines.push(`  let half_${target} = half_of(${value});`);
    }
    lines.push(`  ${target}[i] = ${isHalf ? `half_${target}` : value};`);
  };
  keep(result, name, 'value');
  links.forEach((link, number) => {
    const { at, beside = {}, value, functions: more = '', result: made } = elementwiseOf(link, context);
    const own = (of: string): string => `link${number}_${of}`;
    const accessors: Record<string, string> = {};
    for (const [of, array] of Object.entries(beside)) {
      if (array === undefined) continue;
      read[own(of)] = array;
      accessors[of] = own(of);
    }
    const operands = Object.entries(at).map(([of, id]) => {
      const known = values.get(roots[id]!);
      if (known === undefined) read[own(of)] = context.tensor(id);
      return `    let ${of} = ${known ?? `${own(of)}(i)`};`;
    });
    functions.push(more);
    lines.push(
      `  var ${own('value')}: f32;\n  {\n${operands.join('\n')}\n    ${own('value')} = ${value(accessors)};\n  }`,
    );
    keep(context.tensor(made), own('result'), own('value'));
  });
  return {
    ...rest,
    label: [dispatch.label, ...links.map(({ op }) => op)].join(' + '),
    read,
    write,
    functions: joinDeclarations([...functions, `fn emit_${name}(i: u32, value: f32) {\n${lines.join('\n')}\n}`]),
  };
}

/** What is not emitted is written as kernels write it, in f32. */
function requireWhole({ label, write, update, atomic }: GpuDispatch): void {
  for (const [name, array] of [write, update, atomic].flatMap((record) => Object.entries(record ?? {}))) {
    if (array?.dtype !== 'f16') continue;
    throw new EngineError('plan', `Kernel "${label}" writes "${name}", which lies in half precision, without emit.`);
  }
}

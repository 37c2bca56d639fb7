import type { Expr, Func, Local } from '../asm/func.ts';
import { ownRows, type KernelContext, type Placed } from '../step.ts';
import { streamCost } from './kernel.ts';

/** Calls `body(offset)` for every vector of `bytes` bytes (a multiple of 16) from `at` on, `unroll` per turn. */
export function emitVectorLoop(f: Func, at: Local, bytes: Expr, unroll: number, body: (offset: number) => void): void {
  const end = f.local('i32');
  const step = 16 * unroll;
  f.set(at, 0);
  f.set(end, bytes);
  if (unroll > 1) {
    const main = f.local('i32');
    f.set(main, f.i32.mul(f.i32.divU(end, step), step));
    f.for(at, 0, main, step, () => {
      for (let u = 0; u < unroll; u++) body(16 * u);
    });
  }
  f.for(at, at, end, 16, () => body(0));
}

export interface ElementwiseSpec {
  /** Tells apart the code of different functions, with all constants. */
  readonly key: string;
  readonly inputs: readonly Placed[];
  readonly output: Placed;
  /** Nanoseconds per vector beside loads and stores. */
  readonly vectorCost?: number;
  readonly unroll?: number;
  /** Result for one vector; each input expression may be used once. `temps` are free locals. */
  readonly body: (f: Func, inputs: readonly Expr[], temps: readonly Local[]) => Expr;
}

const tempCount = 6;

/** output[i] = body(inputs[i]...) over all elements; all tensors lie alike. */
export function elementwise(context: KernelContext, spec: ElementwiseSpec): void {
  const { inputs, output, key, body, unroll = 2 } = spec;
  const { rows, rowSize, pixel } = output.layout;
  const types = Array.from({ length: inputs.length + 2 }, () => 'i32' as const);
  const vectors = output.layout.size / 4;
  context.step({
    kind: 'rows',
    name: key,
    rows,
    // rows of features are short and follow one another: one call for all of a slice
    unit: rowSize === pixel ? 'matrix' : 'image',
    reads: inputs.map((input) => ownRows(input)),
    writes: [ownRows(output)],
    cost: streamCost(4 * output.layout.size * (inputs.length + 1)) + vectors * (spec.vectorCost ?? 0),
    emit: ({ f, module, from, to, address }) => {
      const core = module.core(`elementwise ${key}`, types, (g) => {
        const params = g.params();
        const bytes = params.at(-1)!;
        const target = params.at(-2)!;
        const at = g.local('i32');
        const temps = g.locals('v128', tempCount);
        emitVectorLoop(g, at, bytes, unroll, (offset) => {
          const loads = inputs.map((_, i) => g.load(g.i32.add(params[i]!, at), offset));
          g.store(g.i32.add(target, at), offset, body(g, loads, temps));
        });
      });
      const bytes = f.i32.mul(f.i32.sub(to, from), 4 * rowSize);
      f.run(f.call(core, ...inputs.map(address), address(output), bytes));
    },
  });
}

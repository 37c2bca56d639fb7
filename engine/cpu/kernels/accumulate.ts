import { flatStep, placedList } from './flat.ts';
import type { CpuKernel } from './kernel.ts';

export const accumulate: CpuKernel<'accumulate'> = ({ inputs }, context) => {
  flatStep(context, {
    name: 'accumulate',
    reads: [],
    lists: [placedList(context, inputs.sums), placedList(context, inputs.values)],
    changes: [true, false],
    prepare:
      (f) =>
      ([sum, value]) => {
        const { address, offset } = sum!;
        f.store(address, offset, f.v.add(f.load(address, offset), f.load(value!.address, value!.offset)));
      },
  });
};

export const takeAccumulated: CpuKernel<'takeAccumulated'> = ({ attrs, inputs }, context) => {
  flatStep(context, {
    name: 'takeAccumulated',
    reads: [],
    lists: [placedList(context, inputs.sums), placedList(context, inputs.values)],
    changes: [true, true],
    prepare:
      (f) =>
      ([sum, value]) => {
        const { address, offset } = sum!;
        f.store(value!.address, value!.offset, f.v.mul(f.load(address, offset), f.vec(attrs.scale)));
        f.store(address, offset, f.vec(0));
      },
  });
};

import type { GpuKernel } from '../kernel.ts';
import { channelSums } from './channels.ts';
import { gemm } from './gemm.ts';

export const linear: GpuKernel<'linear'> = ({ inputs, outputs }, context) => {
  const y = context.tensor(outputs.y);
  const bias = context.optional(inputs.bias);
  const [m, n] = y.shape as [number, number];
  const k = context.tensor(inputs.x).shape[1]!;
  gemm(context, {
    label: 'linear',
    read: { x: context.tensor(inputs.x), weight: context.tensor(inputs.weight), bias },
    emit: { y },
    ...{ batch: 1, m, n, k, leftFast: 'k', rightFast: 'k' },
    functions: `
fn left_at(b: u32, m: u32) -> u32 { return m * ${k}u; }
fn left_along(b: u32, k: u32) -> u32 { return k; }
fn left(at: u32, along: u32) -> f32 { return x(at + along); }
fn right_at(b: u32, n: u32) -> u32 { return n * ${k}u; }
fn right_along(b: u32, k: u32) -> u32 { return k; }
fn right(at: u32, along: u32) -> f32 { return weight(at + along); }
fn store(b: u32, m: u32, n: u32, value: f32) { emit_y(m * ${n}u + n, value${bias ? ' + bias(n)' : ''}); }`,
  });
};

export const linearGradInput: GpuKernel<'linearGradInput'> = ({ inputs, outputs }, context) => {
  const dx = context.tensor(outputs.dx);
  const [m, n] = dx.shape as [number, number];
  const k = context.tensor(inputs.dy).shape[1]!;
  gemm(context, {
    label: 'linearGradInput',
    read: { dy: context.tensor(inputs.dy), weight: context.tensor(inputs.weight) },
    emit: { dx },
    ...{ batch: 1, m, n, k, leftFast: 'k', rightFast: 'n' },
    functions: `
fn left_at(b: u32, m: u32) -> u32 { return m * ${k}u; }
fn left_along(b: u32, k: u32) -> u32 { return k; }
fn left(at: u32, along: u32) -> f32 { return dy(at + along); }
fn right_at(b: u32, n: u32) -> u32 { return n; }
fn right_along(b: u32, k: u32) -> u32 { return k * ${n}u; }
fn right(at: u32, along: u32) -> f32 { return weight(at + along); }
fn store(b: u32, m: u32, n: u32, value: f32) { emit_dx(m * ${n}u + n, value); }`,
  });
};

export const linearGradWeight: GpuKernel<'linearGradWeight'> = ({ inputs, outputs }, context) => {
  const dy = context.tensor(inputs.dy);
  const dweight = context.tensor(outputs.dweight);
  const dbias = context.optional(outputs.dbias);
  const [m, n] = dweight.shape as [number, number];
  const k = dy.shape[0]!;
  gemm(context, {
    label: 'linearGradWeight',
    read: { x: context.tensor(inputs.x), dy },
    emit: { dweight },
    ...{ batch: 1, m, n, k, leftFast: 'm', rightFast: 'n' },
    functions: `
fn left_at(b: u32, m: u32) -> u32 { return m; }
fn left_along(b: u32, k: u32) -> u32 { return k * ${m}u; }
fn left(at: u32, along: u32) -> f32 { return dy(at + along); }
fn right_at(b: u32, n: u32) -> u32 { return n; }
fn right_along(b: u32, k: u32) -> u32 { return k * ${n}u; }
fn right(at: u32, along: u32) -> f32 { return x(at + along); }
fn store(b: u32, m: u32, n: u32, value: f32) { emit_dweight(m * ${n}u + n, value); }`,
  });
  if (dbias) channelSums(context, 'linearGradWeight bias', dy, dbias);
};

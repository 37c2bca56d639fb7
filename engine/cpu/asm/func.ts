import { float32Bytes, float64Bytes, int32Bytes, signed, unsigned } from './encode.ts';
import { f32Ops, f32x4Ops, f64Ops, f64x2Ops, i32Ops, i32x4Ops, i64Ops } from './opcodes.ts';

export type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';
export const valueTypeByte: Record<ValueType, number> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b };

/** Emits code that leaves one value on the stack. Nothing is emitted until it is used, and it may be used more than once. */
export type Expr = () => void;
/** A local variable; as an expression it reads itself. */
export type Local = Expr & { readonly index: number };
/** Where an i32 is wanted a number stands for its constant. */
export type Int = Expr | number;

type OpTable = Readonly<Record<string, number | readonly number[]>>;
type Methods<T extends OpTable> = { readonly [K in keyof T]: (...args: Int[]) => Expr };

/**
 * A function under construction. Methods that return `Expr` build expressions; all others append statements at once.
 * Constant vectors are kept in locals set at the top: V8 materialises a v128.const anew at every use.
 */
export class Func {
  readonly name: string;
  readonly index: number;
  readonly parameters: readonly ValueType[];
  readonly result: ValueType | null;
  readonly relaxed: boolean;
  readonly #locals: ValueType[] = [];
  readonly #code: number[] = [];
  readonly #prologue: number[] = [];
  readonly #constants = new Map<string, Local>();
  #target: number[];

  readonly i32: Methods<typeof i32Ops>;
  readonly i64: Methods<typeof i64Ops>;
  readonly f32: Methods<typeof f32Ops>;
  readonly f64: Methods<typeof f64Ops>;
  readonly v: Methods<typeof f32x4Ops>;
  readonly vd: Methods<typeof f64x2Ops>;
  readonly vi: Methods<typeof i32x4Ops>;

  constructor(
    name: string,
    index: number,
    parameters: readonly ValueType[],
    result: ValueType | null,
    relaxed: boolean,
  ) {
    this.name = name;
    this.index = index;
    this.parameters = parameters;
    this.result = result;
    this.relaxed = relaxed;
    this.#target = this.#code;
    this.i32 = this.#family(i32Ops);
    this.i64 = this.#family(i64Ops);
    this.f32 = this.#family(f32Ops);
    this.f64 = this.#family(f64Ops);
    this.v = this.#family(f32x4Ops);
    this.vd = this.#family(f64x2Ops);
    this.vi = this.#family(i32x4Ops);
  }

  #family<T extends OpTable>(table: T): Methods<T> {
    const methods: Record<string, (...args: Int[]) => Expr> = {};
    for (const [name, code] of Object.entries(table)) {
      const bytes = typeof code === 'number' ? [code] : code;
      methods[name] =
        (...args) =>
        () => {
          for (const arg of args) this.#value(arg);
          this.#emit(bytes);
        };
    }
    return methods as Methods<T>;
  }

  #emit(bytes: readonly number[]): void {
    for (const byte of bytes) this.#target.push(byte);
  }

  #value(value: Int): void {
    if (typeof value === 'number') this.#emit([0x41, ...signed(value)]);
    else value();
  }

  #localAt(index: number): Local {
    return Object.assign(() => this.#emit([0x20, ...unsigned(index)]), { index });
  }

  param(index: number): Local {
    return this.#localAt(index);
  }

  params(): Local[] {
    return this.parameters.map((_, index) => this.#localAt(index));
  }

  local(type: ValueType): Local {
    this.#locals.push(type);
    return this.#localAt(this.parameters.length + this.#locals.length - 1);
  }

  locals(type: ValueType, count: number): Local[] {
    return Array.from({ length: count }, () => this.local(type));
  }

  set(local: Local, value: Int): void {
    this.#value(value);
    this.#emit([0x21, ...unsigned(local.index)]);
  }

  /** local += amount */
  inc(local: Local, amount: Int): void {
    if (amount !== 0) this.set(local, this.i32.add(local, amount));
  }

  int(value: number): Expr {
    return () => this.#value(value);
  }

  long(value: number): Expr {
    return () => this.#emit([0x42, ...signed(value)]);
  }

  /** A 64-bit constant given by its high and low words. */
  bits64(high: number, low: number): Expr {
    return () => {
      this.#emit([0x44, ...int32Bytes(low), ...int32Bytes(high)]);
      this.#emit([0xbd]);
    };
  }

  float(value: number): Expr {
    return () => this.#emit([0x43, ...float32Bytes(value)]);
  }

  double(value: number): Expr {
    return () => this.#emit([0x44, ...float64Bytes(value)]);
  }

  /** Four equal f32 lanes. */
  vec(value: number): Expr {
    const bytes = float32Bytes(value);
    return this.#constant([...bytes, ...bytes, ...bytes, ...bytes]);
  }

  /** i32 lanes: one value for all, or four. */
  ivec(value: number | readonly [number, number, number, number]): Expr {
    const lanes = typeof value === 'number' ? [value, value, value, value] : value;
    return this.#constant(lanes.flatMap(int32Bytes));
  }

  #constant(bytes: readonly number[]): Expr {
    const key = bytes.join();
    let local = this.#constants.get(key);
    if (!local) {
      local = this.local('v128');
      this.#constants.set(key, local);
      this.#target = this.#prologue;
      this.set(local, () => this.#emit([0xfd, 12, ...bytes]));
      this.#target = this.#code;
    }
    return local;
  }

  /** a * b + c, fused where the machine does it. */
  madd(a: Expr, b: Expr, c: Expr): Expr {
    if (!this.relaxed) return this.v.add(this.v.mul(a, b), c);
    return this.#prefixed([a, b, c], [0xfd, 0x85, 0x02]);
  }

  /** c - a * b */
  nmadd(a: Expr, b: Expr, c: Expr): Expr {
    if (!this.relaxed) return this.v.sub(c, this.v.mul(a, b));
    return this.#prefixed([a, b, c], [0xfd, 0x86, 0x02]);
  }

  #prefixed(args: readonly Int[], bytes: readonly number[]): Expr {
    return () => {
      for (const arg of args) this.#value(arg);
      this.#emit(bytes);
    };
  }

  /** Lane of four f32. */
  lane(vector: Expr, lane: number): Expr {
    return this.#prefixed([vector], [0xfd, 31, lane]);
  }

  ilane(vector: Expr, lane: number): Expr {
    return this.#prefixed([vector], [0xfd, 27, lane]);
  }

  dlane(vector: Expr, lane: number): Expr {
    return this.#prefixed([vector], [0xfd, 33, lane]);
  }

  /** Lanes 0-3 are a's, 4-7 b's. */
  shuffle(a: Expr, b: Expr, lanes: readonly [number, number, number, number]): Expr {
    return this.#prefixed([a, b], [0xfd, 13, ...lanes.flatMap((l) => [4 * l, 4 * l + 1, 4 * l + 2, 4 * l + 3])]);
  }

  /** Sum of the lanes, (0 + 2) + (1 + 3). `spare` is overwritten. */
  sumLanes(vector: Expr, spare: Local): Expr {
    return () => {
      this.set(spare, vector);
      this.set(spare, this.v.add(spare, this.shuffle(spare, spare, [2, 3, 0, 1])));
      this.f32.add(this.lane(spare, 0), this.lane(spare, 1))();
    };
  }

  #load(bytes: readonly number[], address: Int, offset: number, align: number): Expr {
    return this.#prefixed([address], [...bytes, align, ...unsigned(offset)]);
  }

  #store(bytes: readonly number[], address: Int, offset: number, value: Int, align: number): void {
    this.#value(address);
    this.#value(value);
    this.#emit([...bytes, align, ...unsigned(offset)]);
  }

  load(address: Int, offset = 0): Expr {
    return this.#load([0xfd, 0], address, offset, 2);
  }

  /** The f32 at the address in all lanes. */
  loadSplat(address: Int, offset = 0): Expr {
    return this.#load([0xfd, 9], address, offset, 2);
  }

  /** The f32 at the address in lane 0, zeros above. */
  loadOne(address: Int, offset = 0): Expr {
    return this.#load([0xfd, 92], address, offset, 0);
  }

  /** `vector` with the two bytes at the address in lane `lane` of its eight u16. */
  load16Lane(vector: Expr, lane: number, address: Int, offset = 0): Expr {
    return this.#prefixed([address, vector], [0xfd, 85, 0, ...unsigned(offset), lane]);
  }

  store(address: Int, offset: number, value: Expr): void {
    this.#store([0xfd, 11], address, offset, value, 2);
  }

  loadF32(address: Int, offset = 0): Expr {
    return this.#load([0x2a], address, offset, 2);
  }

  storeF32(address: Int, offset: number, value: Expr): void {
    this.#store([0x38], address, offset, value, 2);
  }

  loadF64(address: Int, offset = 0): Expr {
    return this.#load([0x2b], address, offset, 3);
  }

  storeF64(address: Int, offset: number, value: Expr): void {
    this.#store([0x39], address, offset, value, 3);
  }

  loadI32(address: Int, offset = 0): Expr {
    return this.#load([0x28], address, offset, 2);
  }

  storeI32(address: Int, offset: number, value: Int): void {
    this.#store([0x36], address, offset, value, 2);
  }

  loadU8(address: Int, offset = 0): Expr {
    return this.#load([0x2d], address, offset, 0);
  }

  /** Fills `bytes` bytes from `address` with zero. */
  zero(address: Int, bytes: Int): void {
    this.#prefixed([address, 0, bytes], [0xfc, 0x0b, 0])();
  }

  copy(target: Int, source: Int, bytes: Int): void {
    this.#prefixed([target, source, bytes], [0xfc, 0x0a, 0, 0])();
  }

  atomicLoad(address: Int, offset = 0): Expr {
    return this.#load([0xfe, 0x10], address, offset, 2);
  }

  atomicStore(address: Int, offset: number, value: Int): void {
    this.#store([0xfe, 0x17], address, offset, value, 2);
  }

  /** Adds and returns the value before. */
  atomicAdd(address: Int, offset: number, value: Int): Expr {
    return this.#prefixed([address, value], [0xfe, 0x1e, 2, ...unsigned(offset)]);
  }

  /** Sleeps while the word equals `expected`; 0 woken, 1 not equal, 2 timed out. -1: no limit. */
  atomicWait(address: Int, offset: number, expected: Int, timeoutNs: number): Expr {
    const timeout = timeoutNs < 0 ? this.long(-1) : this.i64.extendU(Math.min(timeoutNs, 2 ** 31 - 1));
    return this.#prefixed([address, expected, timeout], [0xfe, 0x01, 2, ...unsigned(offset)]);
  }

  /** Wakes all that sleep on the word. */
  atomicNotify(address: Int, offset: number): void {
    this.#prefixed([address, -1], [0xfe, 0x00, 2, ...unsigned(offset)])();
    this.#emit([0x1a]);
  }

  /** An expression for its effect. */
  run(value: Expr): void {
    value();
  }

  drop(value: Expr): void {
    value();
    this.#emit([0x1a]);
  }

  call(target: Func, ...args: Int[]): Expr {
    return this.#prefixed(args, [0x10, ...unsigned(target.index)]);
  }

  /** condition ? a : b, both evaluated. */
  choose(condition: Expr, a: Int, b: Int): Expr {
    return this.#prefixed([a, b, condition], [0x1b]);
  }

  if(condition: Expr, then: () => void, otherwise?: () => void): void {
    condition();
    this.#emit([0x04, 0x40]);
    then();
    if (otherwise) {
      this.#emit([0x05]);
      otherwise();
    }
    this.#emit([0x0b]);
  }

  /** Repeats the body; `leave(condition)` inside it ends the loop, if it is not nested in an `if` or another loop. */
  forever(body: (leave: (condition: Expr) => void) => void): void {
    this.#emit([0x02, 0x40, 0x03, 0x40]);
    body((condition) => {
      condition();
      this.#emit([0x0d, 1]);
    });
    this.#emit([0x0c, 0, 0x0b, 0x0b]);
  }

  /** for (i = from; i < to; i += step), unsigned. Constant bounds cost no test before the first turn. */
  for(i: Local, from: Int, to: Int, step: Int, body: () => void): void {
    const turn = (): void => {
      this.#emit([0x03, 0x40]);
      body();
      this.inc(i, step);
      this.i32.ltU(i, to)();
      this.#emit([0x0d, 0, 0x0b]);
    };
    if (typeof from === 'number' && typeof to === 'number') {
      if (from >= to) return;
      this.set(i, from);
      if (typeof step === 'number' && from + step >= to) body();
      else turn();
      return;
    }
    this.set(i, from);
    this.if(this.i32.ltU(i, to), turn);
  }

  /** Repeats the body `count` times with a counter of its own. */
  times(count: number, body: () => void): void {
    if (count === 1) body();
    else if (count > 1) this.for(this.local('i32'), 0, count, 1, body);
  }

  return(value?: Int): void {
    if (value !== undefined) this.#value(value);
    this.#emit([0x0f]);
  }

  /** The body as the code section wants it. */
  bytes(): number[] {
    const groups = this.#locals.map((type) => [1, valueTypeByte[type]]);
    const body = [...unsigned(groups.length), ...groups.flat()];
    for (const byte of this.#prologue) body.push(byte);
    for (const byte of this.#code) body.push(byte);
    body.push(0x0b);
    return body;
  }
}

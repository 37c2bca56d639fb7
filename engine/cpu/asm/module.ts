import { name, section, unsigned, vector } from './encode.ts';
import { Func, valueTypeByte, type ValueType } from './func.ts';

export interface ModuleOptions {
  /** Use relaxed SIMD's fused multiply-add. */
  readonly relaxed: boolean;
  /** Import the memory as shared, as threads need it. */
  readonly shared: boolean;
  /** V8 joins neighbouring vectors to 256 bits (revectorize): tiles are twice as wide. */
  readonly wide?: boolean;
}

/**
 * A WebAssembly module under construction. It imports its memory as "engine"."memory" (and host functions from "engine") and
 * exports chosen functions.
 */
export class Module {
  readonly options: ModuleOptions;
  readonly #imports: Func[] = [];
  readonly #functions: Func[] = [];
  readonly #exports: Func[] = [];
  readonly #cores = new Map<string, Func>();

  constructor(options: ModuleOptions) {
    this.options = options;
  }

  /** A function of the host, "engine".label. Imports come before all functions of the module. */
  import(label: string, parameters: readonly ValueType[]): Func {
    if (this.#functions.length > 0) throw new Error(`The import "${label}" comes after a function of the module.`);
    const func = new Func(label, this.#imports.length, parameters, null, this.options.relaxed);
    this.#imports.push(func);
    return func;
  }

  func(label: string, parameters: readonly ValueType[], result: ValueType | null = null): Func {
    const index = this.#imports.length + this.#functions.length;
    const func = new Func(label, index, parameters, result, this.options.relaxed);
    this.#functions.push(func);
    return func;
  }

  export(func: Func): void {
    this.#exports.push(func);
  }

  /** The function for `key`, built on first use: ops of the same shape share their code. */
  core(key: string, parameters: readonly ValueType[], build: (func: Func) => void): Func {
    let func = this.#cores.get(key);
    if (!func) {
      func = this.func(key, parameters);
      this.#cores.set(key, func);
      build(func);
    }
    return func;
  }

  /** The binary. `pages` (64 KiB) is both the minimum and, for shared memory, the maximum of the imported memory. */
  build(pages: number): Uint8Array<ArrayBuffer> {
    const all = [...this.#imports, ...this.#functions];
    const types = all.map((func) => [
      0x60,
      ...vector(func.parameters.map((type) => [valueTypeByte[type]])),
      ...vector(func.result ? [[valueTypeByte[func.result]]] : []),
    ]);
    const limits = this.options.shared ? [3, ...unsigned(pages), ...unsigned(pages)] : [0, ...unsigned(pages)];
    const bodies = this.#functions.map((func) => func.bytes());
    const code: number[] = unsigned(bodies.length);
    for (const body of bodies) {
      for (const byte of unsigned(body.length)) code.push(byte);
      for (const byte of body) code.push(byte);
    }
    const head = [
      ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      ...section(1, vector(types)),
      ...section(
        2,
        vector([
          [...name('engine'), ...name('memory'), 2, ...limits],
          ...this.#imports.map((func) => [...name('engine'), ...name(func.name), 0, ...unsigned(func.index)]),
        ]),
      ),
      ...section(3, vector(this.#functions.map((func) => unsigned(func.index)))),
      ...section(7, vector(this.#exports.map((func) => [...name(func.name), 0, ...unsigned(func.index)]))),
      ...[10, ...unsigned(code.length)],
    ];
    // Function names, for profilers and stack traces.
    const names = vector(all.map((func) => [...unsigned(func.index), ...name(func.name)]));
    const tail = section(0, [...name('name'), ...section(1, names)]);
    const binary = new Uint8Array(head.length + code.length + tail.length);
    binary.set(head);
    binary.set(code, head.length);
    binary.set(tail, head.length + code.length);
    return binary;
  }
}

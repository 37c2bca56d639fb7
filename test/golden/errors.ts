/** Reference data that cannot be read or makes no sense: ends the runner with exit code 2. */
export class GoldenDataError extends Error {}

/** The engine has no such op yet; the case counts as unsupported, by this name. */
export class Unsupported extends Error {
  readonly op: string;

  constructor(op: string) {
    super(`The engine has no "${op}".`);
    this.op = op;
  }
}

import { runSelfTest } from '../cpu/selfTest.ts';

/**
 * Program of a process of its own: `node selfTest.node.ts stock|revectorize MILLISECONDS` prints a SelfTestResult as JSON. A process,
 * because what is tested is an experimental feature of V8, which must not take anything else down with it.
 */
const [variant, milliseconds] = process.argv.slice(2);
const result = await runSelfTest(variant === 'revectorize', Number(milliseconds), () => performance.now());
process.stdout.write(`${JSON.stringify(result)}\n`);

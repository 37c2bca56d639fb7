import { fileURLToPath } from 'node:url';
import { utilityProcess } from 'electron';
import type { RunSelfTest, SelfTestOutcome } from '../node/compose.ts';

const limitMs = 60_000;

/**
 * The engine's self-test of 256-bit vectors in a process of Electron's own: this program may not run as plain Node. Whatever fails
 * leaves the vectors as they are.
 */
export function selfTestProcess(entry: URL): RunSelfTest {
  return (revectorize, milliseconds, flag) =>
    new Promise<SelfTestOutcome>((resolve, reject) => {
      const child = utilityProcess.fork(
        fileURLToPath(entry),
        [revectorize ? 'revectorize' : 'stock', String(milliseconds)],
        { stdio: 'pipe', execArgv: revectorize ? [`--js-flags=${flag}`] : [] },
      );
      const timer = setTimeout(() => child.kill(), limitMs);
      let text = '';
      child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
      child.on('exit', (code) => {
        clearTimeout(timer);
        try {
          resolve(JSON.parse(text) as SelfTestOutcome);
        } catch {
          reject(new Error(`its process ended with code ${code}`));
        }
      });
    });
}

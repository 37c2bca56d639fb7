// Entry of the terminal shell. Nothing else is imported above the call: what is loaded before it is compiled anew every time.
import { keepCompiled } from '../compileCache.ts';

keepCompiled();
const { main } = await import('./main.ts');
const { processTerminal } = await import('./print/terminal.ts');
// exitCode, not exit(): what was written to a pipe must get there
process.exitCode = await main(process.argv.slice(2), processTerminal());

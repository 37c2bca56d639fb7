// Entry of the terminal shell. Nothing else is imported above the call: what is loaded before it is compiled anew every time.
import { keepCompiled } from '../compileCache.ts';

keepCompiled();
const { main } = await import('./main.ts');
const { processTerminal } = await import('./print/terminal.ts');
// exitCode, not exit(): what was written to a pipe must get there
const code = await main(process.argv.slice(2), processTerminal());
// output that could not be written has set one
process.exitCode ??= code;

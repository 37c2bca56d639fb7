import { createInterface } from 'node:readline';
import { answering, type Reply, type Request, type Server } from './answer.ts';

/** Answers the benchmark's requests on stdin, one line of JSON each, until that is closed. */
export async function serve(server: Server): Promise<void> {
  const reply = (message: Reply): void => void process.stdout.write(JSON.stringify(message) + '\n');
  const answer = answering(server);
  reply({ kind: 'hello', note: server.note });
  for await (const line of createInterface({ input: process.stdin })) {
    reply(await answer(JSON.parse(line) as Request));
  }
  process.exit(0);
}

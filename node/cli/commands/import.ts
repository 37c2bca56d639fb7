import { basename } from 'node:path';
import { largestFile } from '../../../lab/imports/index.ts';
import { usage } from '../args.ts';
import { commandLine, printJson, withLab, type Command } from '../command.ts';
import { readWholeFile } from '../files.ts';
import { short } from '../print/format.ts';
import { printable } from '../print/table.ts';

/** A part of a file in one call of the lab, in bytes; divisible by 3, so that base64 needs no padding. */
const part = 3 * 2 ** 20;

export const importCommand: Command = {
  name: 'import',
  usage: '<file> [options]',
  summary: 'Save the model of an ONNX or JSON file as an architecture, weights along',
  details: ['Everything that is wrong with the file, or not supported, is told at once; nothing is stored then.'],
  examples: ['import net.onnx', 'import net.json --name "My net" --tag paper'],
  options: {
    name: { value: 'text', help: 'Name of the architecture; one that is there gets a new version' },
    tag: { value: 'text', multiple: true, help: 'Tag it' },
    check: { help: 'Only say what is in the file; store nothing' },
    json: { help: 'Print the architecture as JSON on stdout' },
  },
  words: 1,
  run: async (args, terminal) => {
    const path = args.positionals[0];
    if (path === undefined) throw usage('import needs the file of a model: an ONNX file, or JSON.');
    const content = await readWholeFile(path, largestFile);
    const file = basename(path);
    const { out, err } = terminal;
    return withLab(args, async (lab) => {
      const upload = 'terminal';
      for (let at = 0; at < content.length || at === 0; at += part) {
        await lab.call('files.put', {
          upload,
          offset: at,
          base64: Buffer.from(content.subarray(at, at + part)).toString('base64'),
        });
        if (content.length === 0) break;
      }
      const told = (notes: readonly string[]): void => {
        for (const note of notes) err.write(`${err.style.dim(printable(note))}\n`);
      };
      if (args.has('check')) {
        const { notes, ...found } = await lab.call('architectures.read', { file, content: { upload } });
        if (args.has('json')) printJson(terminal, { ...found, notes });
        else
          out.write(
            `${printable(found.name)}  ${found.model.nodes.length} nodes${found.hasWeights ? ', with weights' : ''}\n`,
          );
        told(args.has('json') ? [] : notes);
        return 0;
      }
      const name = args.text('name');
      const tags = args.texts('tag');
      const { architecture, notes } = await lab.call('architectures.import', {
        file,
        content: { upload },
        ...(name !== undefined && { name }),
        ...(tags.length > 0 && { tags: [...tags] }),
      });
      if (args.has('json')) {
        printJson(terminal, { architecture, notes });
        return 0;
      }
      const { latest } = architecture;
      const facts = [
        `version ${latest.version}`,
        `${latest.model.nodes.length} nodes`,
        ...(latest.parameters === null ? [] : [`${short(latest.parameters)} parameters`]),
        ...(latest.weights ? ['with weights'] : []),
      ];
      out.write(`${out.style.bold(printable(architecture.name))}  ${architecture.id}  ${facts.join(', ')}\n`);
      told(notes);
      err.write(`${err.style.dim(commandLine(`architecture show ${architecture.id}`))}\n`);
      return 0;
    });
  },
};

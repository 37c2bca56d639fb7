import { exportFormats, exportWeights, type ExportFormat } from '../../../lab/contract/architectureRecords.ts';
import { usage } from '../args.ts';
import { printJson, withLab, type Command } from '../command.ts';
import { writeWholeFile } from '../files.ts';
import { bytes } from '../print/format.ts';
import { printable } from '../print/table.ts';
import { watchJob } from '../watchJob.ts';

export const exportCommand: Command = {
  name: 'export',
  usage: '<run|architecture|template> --format <format> [options]',
  summary: 'Write a model as a file: ONNX, PyTorch, Keras, JSON, SVG or safetensors',
  details: [
    'onnx and safetensors hold weights: of a run its best checkpoint, of an architecture those stored with it,',
    'else the weights that the seed draws. pytorch and keras are whole training programs. See docs/formats.md.',
  ],
  examples: [
    'export k3f9a2 --format onnx',
    'export lenet --format pytorch --out lenet.py',
    'export "My net@2" --format svg --out - > net.svg',
  ],
  options: {
    format: { value: 'name', help: `One of ${exportFormats.join(', ')}` },
    out: { value: 'file', help: 'Where to; "-" for stdout. Default: a name after the model, in this folder' },
    checkpoint: { value: 'best|last|initial', help: 'Which weights go along (default: best, else last)' },
    json: { help: 'Print what was written, and what the format does not keep, as JSON on stdout' },
  },
  words: 1,
  run: async (args, terminal) => {
    const of = args.positionals[0];
    if (of === undefined)
      throw usage('export needs a run, an architecture or a template. `architecture list` shows them.');
    const format = args.text('format');
    if (format === undefined || !(exportFormats as readonly string[]).includes(format)) {
      throw usage(
        `--format takes one of ${exportFormats.join(', ')}${format === undefined ? '' : `, not "${format}"`}.`,
      );
    }
    const weights = args.text('checkpoint');
    if (weights !== undefined && !(exportWeights as readonly string[]).includes(weights)) {
      throw usage(`--checkpoint takes best, last or initial, not "${weights}".`);
    }
    const out = args.text('out');
    if (out === '-' && args.has('json')) throw usage('--json and --out - both want stdout; choose one.');
    const exported = await withLab(args, async (lab) => {
      // a whitening that goes along is fitted first
      const watch = watchJob(lab, 'export', 'whitening', terminal.err);
      try {
        return await lab.call('architectures.export', {
          of,
          format: format as ExportFormat,
          ...(weights !== undefined && { weights: weights as (typeof exportWeights)[number] }),
        });
      } finally {
        watch.close();
      }
    });
    const content = Buffer.from(exported.content, 'base64');
    const path = out ?? exported.file;
    if (path === '-') process.stdout.write(content);
    else await writeWholeFile(path, content);
    if (args.has('json')) {
      printJson(terminal, { file: path, format, bytes: content.length, notes: exported.notes });
      return 0;
    }
    if (path !== '-') terminal.out.write(`${printable(path)}  ${bytes(content.length)}\n`);
    for (const note of exported.notes) terminal.err.write(`${terminal.err.style.dim(printable(note))}\n`);
    return 0;
  },
};

import { printJson, projectDatasets, type Command } from '../command.ts';
import { counted, whole } from '../print/format.ts';
import { facts } from '../print/table.ts';

export const dataListCommand: Command = {
  name: 'data list',
  usage: '[options]',
  summary: 'List the data sets that specs can name',
  options: { json: { help: 'Print the list as JSON on stdout' } },
  words: 0,
  run: async (args, terminal) => {
    const datasets = await projectDatasets().list();
    if (args.has('json')) {
      printJson(terminal, { datasets });
      return 0;
    }
    const { out } = terminal;
    out.write(
      datasets
        .map(
          (each) =>
            `${out.style.bold(each.id)}  ${each.title}\n` +
            facts(
              [
                [
                  'images',
                  `${whole(each.trainImages)} training, ${whole(each.testImages)} test, ${each.imageShape.join(' x ')}`,
                ],
                ['classes', `${counted(each.classes.length, 'class', 'classes')}: ${each.classes.join(', ')}`],
                ['licence', each.licence],
                ['source', each.source],
                ['hash', each.hash],
              ],
              out,
              '  ',
            ),
        )
        .join('\n'),
    );
    return 0;
  },
};

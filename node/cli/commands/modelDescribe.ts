import { costOf, printPlan, type CheckedGraph, type PreparedTraining } from '../../../engine/index.ts';
import { requireSpec } from '../../../lab/spec/check.ts';
import { setSpecValues } from '../../../lab/spec/set.ts';
import { memoryOfRun, memoryWords } from '../memory.ts';
import { printJson, projectDatasets, type Command } from '../command.ts';
import { bytes, short, whole } from '../print/format.ts';
import { facts, printable, table } from '../print/table.ts';
import { readSpecFile } from '../readSpec.ts';

export const modelDescribeCommand: Command = {
  name: 'model describe',
  usage: '<spec.json> [options]',
  summary: 'Show the layers of a model with shapes, parameters and cost',
  details: ['Network-wide switches (model.batchNorm, model.dropout) are applied: this is the graph that is trained.'],
  examples: [
    'model describe examples/cnn-fashion.json',
    'model describe examples/mlp-sigmoid.json --set model.batchNorm=before --plan',
  ],
  options: {
    set: { value: 'path=value', multiple: true, help: 'Change a value of the spec first' },
    plan: { help: 'Print the training step too: every operation in order, and the memory it takes' },
    json: { help: 'Print layers and totals as JSON on stdout' },
  },
  words: 1,
  run: async (args, terminal) => {
    const document = setSpecValues(await readSpecFile(args.positionals[0], 'model describe'), args.texts('set'));
    const datasets = projectDatasets();
    const { spec, dataset, checked } = requireSpec(document, await datasets.list());
    const { batchSize, optimizer } = spec.training;
    const cost = costOf(checked, { batchSize, optimizer });
    const { prepared, memory } = await memoryOfRun(spec, datasets);
    const plan = args.has('plan') ? printStages(prepared) : undefined;
    if (args.has('json')) {
      printJson(terminal, {
        name: spec.name,
        dataset: dataset.id,
        layers: layersOf(checked),
        cost,
        memory,
        ...(plan !== undefined && { plan }),
      });
      return 0;
    }
    const { out } = terminal;
    out.write(
      table(
        [
          { title: 'node', flexible: true },
          { title: 'layer' },
          { title: 'reads', flexible: true },
          { title: 'output' },
          { title: 'parameters', align: 'right' },
          { title: 'MACs per image', align: 'right' },
        ],
        layersOf(checked).map((each) => [
          printable(each.id),
          each.layer,
          printable(each.inputs.join(', ')),
          each.output.join(' × '),
          each.parameters === 0 ? '' : whole(each.parameters),
          each.macs === 0 ? '' : whole(each.macs),
        ]),
        out,
      ),
    );
    out.write('\n');
    out.write(
      facts(
        [
          ['parameters', whole(cost.parameters)],
          ['MACs per image', short(cost.macsPerImage)],
          ['activations', `${bytes(cost.activationBytes)} at batch size ${batchSize}`],
          ['memory', memoryWords(memory)],
          ['data set', `${dataset.id}, ${dataset.imageShape.join(' × ')}, ${dataset.classes.length} classes`],
        ],
        out,
      ),
    );
    if (plan !== undefined) out.write(`\n${plan}`);
    return 0;
  },
};

function layersOf(checked: CheckedGraph) {
  return checked.nodes.map((node) => ({
    id: node.id,
    layer: node.layer,
    inputs: [...node.inputs],
    props: node.props,
    output: [...node.outputShape],
    parameters: node.parameterCount,
    macs: node.macs,
  }));
}

/** The plan of each stage; a run without stages has one. */
function printStages({ stages }: PreparedTraining): string {
  const [only] = stages;
  if (stages.length === 1) return printPlan(only!.plan);
  return stages.map(({ plan, index }) => `Stage ${index + 1} of ${stages.length}\n\n${printPlan(plan)}`).join('\n\n');
}

import { specJsonSchema } from '../../../lab/spec/jsonSchema.ts';
import { printJson, type Command } from '../command.ts';

export const specSchemaCommand: Command = {
  name: 'spec schema',
  usage: '',
  summary: 'Print the JSON Schema of the spec format',
  details: ['Editors that know JSON Schema complete and check specs with it. docs/spec.md explains each field.'],
  examples: ['spec schema > spec.schema.json'],
  options: {},
  words: 0,
  run: (_args, terminal) => {
    printJson(terminal, specJsonSchema());
    return Promise.resolve(0);
  },
};

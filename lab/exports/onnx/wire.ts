import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { LabError } from '../../contract/errors.ts';
import type { FieldKind, FieldSchema, MessageSchema } from './proto.ts';

type Message = Readonly<Record<string, unknown>>;

/** Bytes of a message. Fields that are undefined, and lists without an entry, are left out. */
export function encodeMessage(schema: MessageSchema, message: object): Uint8Array {
  return write(new BinaryWriter(), schema, message as Message).finish();
}

function write(writer: BinaryWriter, schema: MessageSchema, message: Message): BinaryWriter {
  for (const [number, field] of Object.entries(schema.fields)) {
    const value = message[field.name];
    if (value === undefined) continue;
    if (field.repeated !== true) writeOne(writer, Number(number), field.kind, value);
    else if (isNumeric(field.kind)) writePacked(writer, Number(number), field.kind, value as readonly number[]);
    else for (const each of value as readonly unknown[]) writeOne(writer, Number(number), field.kind, each);
  }
  return writer;
}

function writeOne(writer: BinaryWriter, number: number, kind: FieldKind, value: unknown): void {
  switch (kind) {
    case 'int':
      writer.tag(number, WireType.Varint).int64(value as number);
      return;
    case 'float':
      writer.tag(number, WireType.Bit32).float(value as number);
      return;
    case 'double':
      writer.tag(number, WireType.Bit64).double(value as number);
      return;
    case 'text':
      writer.tag(number, WireType.LengthDelimited).string(value as string);
      return;
    case 'bytes':
      writer.tag(number, WireType.LengthDelimited).bytes(value as Uint8Array);
      return;
    default:
      write(writer.tag(number, WireType.LengthDelimited).fork(), kind, value as Message).join();
  }
}

function writePacked(writer: BinaryWriter, number: number, kind: FieldKind, values: readonly number[]): void {
  if (values.length === 0) return;
  const packed = writer.tag(number, WireType.LengthDelimited).fork();
  for (const value of values) {
    if (kind === 'int') packed.int64(value);
    else if (kind === 'float') packed.float(value);
    else packed.double(value);
  }
  packed.join();
}

const isNumeric = (kind: FieldKind): kind is 'int' | 'float' | 'double' =>
  kind === 'int' || kind === 'float' || kind === 'double';

/**
 * A message read from bytes: every field of the schema in its kind, lists always there (perhaps empty). Views, not copies, for
 * bytes. Throws LabError 'invalid' that names file, place in the message and byte offset. What a file promises is never
 * allocated: lengths are checked against the bytes that are there.
 */
export function decodeMessage(schema: MessageSchema, bytes: Uint8Array, file: string): unknown {
  return new Decoder(bytes, file).message(schema, 0, bytes.length, '');
}

/** A float64 holds whole numbers up to here; sizes beyond are wrong in any case. */
const largestWhole = BigInt(Number.MAX_SAFE_INTEGER);

class Decoder {
  readonly #bytes: Uint8Array;
  readonly #file: string;

  constructor(bytes: Uint8Array, file: string) {
    this.#bytes = bytes;
    this.#file = file;
  }

  message(schema: MessageSchema, begin: number, end: number, path: string): Message {
    const out: Record<string, unknown> = {};
    for (const field of Object.values(schema.fields)) if (field.repeated === true) out[field.name] = [];
    const reader = new BinaryReader(this.#bytes.subarray(begin, end));
    while (reader.pos < reader.len) {
      const at = begin + reader.pos;
      const where = path === '' ? schema.message : path;
      try {
        const [number, wire] = reader.tag();
        const field = Object.hasOwn(schema.fields, number) ? schema.fields[number] : undefined;
        if (field === undefined) reader.skip(wire, number);
        else this.#field(reader, field, wire, out, begin, path);
      } catch (error) {
        if (error instanceof LabError) throw error;
        this.#fail(where, at, `the data ends too early or is no protobuf (${(error as Error).message})`);
      }
    }
    return out;
  }

  #field(
    reader: BinaryReader,
    field: FieldSchema,
    wire: WireType,
    out: Record<string, unknown>,
    begin: number,
    path: string,
  ): void {
    const { name, kind, repeated } = field;
    const list = repeated === true ? (out[name] as unknown[]) : undefined;
    const place = `${path === '' ? '' : `${path}.`}${name}${list === undefined ? '' : `[${list.length}]`}`;
    const at = begin + reader.pos;
    if (list !== undefined && isNumeric(kind) && wire === WireType.LengthDelimited) {
      const part = reader.bytes();
      const inner = new BinaryReader(part);
      while (inner.pos < inner.len) list.push(this.#scalar(inner, kind, place, at));
      return;
    }
    const expected =
      kind === 'int'
        ? WireType.Varint
        : kind === 'float'
          ? WireType.Bit32
          : kind === 'double'
            ? WireType.Bit64
            : WireType.LengthDelimited;
    if (wire !== expected) {
      this.#fail(
        place,
        at,
        `wire type ${wire} where ${expected} was expected; this is no ONNX model of a known version`,
      );
    }
    const value = this.#value(reader, kind, place, at, begin);
    if (list === undefined) out[name] = value;
    else list.push(value);
  }

  #value(reader: BinaryReader, kind: FieldKind, place: string, at: number, begin: number): unknown {
    if (kind === 'text') return reader.string();
    if (kind === 'bytes') return reader.bytes();
    if (isNumeric(kind)) return this.#scalar(reader, kind, place, at);
    const part = reader.bytes();
    const end = begin + reader.pos;
    return this.message(kind, end - part.length, end, place);
  }

  #scalar(reader: BinaryReader, kind: 'int' | 'float' | 'double', place: string, at: number): number {
    if (kind === 'float') return reader.float();
    if (kind === 'double') return reader.double();
    const value = BigInt(reader.int64());
    if (value > largestWhole || value < -largestWhole) this.#fail(place, at, `${value} is no size that a model has`);
    return Number(value);
  }

  #fail(place: string, at: number, what: string): never {
    throw new LabError('invalid', `${this.#file}: byte ${at}, ${place}: ${what}. Nothing was imported.`);
  }
}

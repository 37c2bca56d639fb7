import { decodeSafetensors } from '../../engine/index.ts';
import { LabError } from '../contract/errors.ts';
import { importDocument } from './document.ts';
import { largestFile, type Imported } from './imported.ts';
import { importOnnx } from './onnx/import.ts';

export { largestFile, type Imported } from './imported.ts';

/** Reads a file by what is in it: JSON or ONNX. Throws LabError 'invalid' that names file and place. */
export function importModel(bytes: Uint8Array, file: string): Imported {
  if (bytes.length > largestFile) {
    throw new LabError(
      'invalid',
      `${file} has ${Math.round(bytes.length / 2 ** 20)} MiB; files of up to ${largestFile / 2 ** 20} MiB are read.`,
    );
  }
  if (bytes.length === 0) throw new LabError('invalid', `${file} is empty.`);
  if (isJson(bytes)) {
    let text: string;
    try {
      text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch {
      throw new LabError('invalid', `${file} is no UTF-8 text; a model as JSON is. Save it as UTF-8.`);
    }
    return importDocument(text, file);
  }
  if (isSafetensors(bytes)) {
    throw new LabError(
      'invalid',
      `${file} holds weights without a model (safetensors). Import the model as ONNX or JSON; a checkpoint belongs to its run.`,
    );
  }
  return importOnnx(bytes, file);
}

/** The first sign that is no blank. */
function isJson(bytes: Uint8Array): boolean {
  let at = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  while (at < bytes.length && [0x20, 0x09, 0x0a, 0x0d].includes(bytes[at]!)) at++;
  // "{" also is a protobuf tag, of field 15, which no model begins with
  return bytes[at] === 0x7b || bytes[at] === 0x5b || bytes[at] === 0x22;
}

function isSafetensors(bytes: Uint8Array): boolean {
  if (bytes.length < 9 || bytes[8] !== 0x7b) return false;
  try {
    decodeSafetensors(bytes);
    return true;
  } catch {
    return false;
  }
}

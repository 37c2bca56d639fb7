import { LabError } from './contract/errors.ts';

/** Characters at once: an argument list has a limit. */
const piece = 8192;

/** Bytes as text, for records of plain JSON. */
export function base64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += piece) text += String.fromCharCode(...bytes.subarray(at, at + piece));
  return btoa(text);
}

/** The other way. Throws LabError 'invalid' for text that is no base64. */
export function bytesOfBase64(text: string): Uint8Array<ArrayBuffer> {
  let binary: string;
  try {
    binary = atob(text);
  } catch {
    throw new LabError('invalid', 'The content of the file is no base64.');
  }
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

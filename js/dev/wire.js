/** A buffer as it arrives: a window at an odd offset of a larger one. @param {Float32Array | Float64Array | Uint8Array} array */
export function wire(array) {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  const message = new Uint8Array(bytes.length + 8);
  message.set(bytes, 5);
  return new DataView(message.buffer, 5, bytes.length);
}

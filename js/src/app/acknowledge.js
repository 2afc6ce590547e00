// Tells the kernel which pictures were drawn: it sends one at a time, and the newest of those that came meanwhile.
import { painted } from "../ui/painted.js";

/**
 * Acknowledges pictures by their numbers, each once it is painted, views that give way to others included. It rests
 * on no view: a picture whose view is hidden or cannot be drawn must not keep the next one waiting.
 * @param {(number: number) => void} tell
 */
export function createAcknowledgement(tell) {
  let [told, newest] = [0, 0];
  let [busy, destroyed] = [false, false];

  async function work() {
    busy = true;
    while (told < newest && !destroyed) {
      const number = newest;
      await painted();
      await painted();
      told = number;
      if (!destroyed) tell(number);
    }
    busy = false;
  }

  return {
    /** @param {number} number  of the newest picture that the page has */
    update(number) {
      newest = Math.max(newest, number);
      if (!busy && told < newest) void work();
    },
    destroy() {
      destroyed = true;
    },
  };
}

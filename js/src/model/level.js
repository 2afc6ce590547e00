// The line of one loss over a surface, for a plot in three dimensions, where contour lines have no width.

/** Corners of the two halves of a cell, as steps from its first node. @type {[number, number][][]} */
const HALVES = [
  [[0, 0], [0, 1], [1, 1]],
  [[0, 0], [1, 1], [1, 0]],
];

/**
 * Segments (x, y) where the values between nodes are `level`, each followed by a gap.
 * @param {{alpha: Float64Array, beta: Float64Array}} grid
 * @param {Float32Array[]} rows
 * @param {number} level
 * @returns {{x: number[], y: number[]}}
 */
export function levelSegments({ alpha, beta }, rows, level) {
  /** @type {{x: number[], y: number[]}} */
  const line = { x: [], y: [] };
  for (let i = 0; i + 1 < beta.length; i++) {
    for (let j = 0; j + 1 < alpha.length; j++) {
      const above = rows[i][j] > level;
      if (rows[i][j + 1] > level === above && rows[i + 1][j] > level === above && rows[i + 1][j + 1] > level === above) continue;
      for (const half of HALVES) {
        const corners = half.map(([k, l]) => ({ x: alpha[j + l], y: beta[i + k], away: rows[i + k][j + l] - level }));
        const ends = corners.flatMap((one, k) => {
          const other = corners[(k + 1) % 3];
          if (one.away > 0 === other.away > 0 || !Number.isFinite(one.away + other.away)) return [];
          const share = one.away / (one.away - other.away);
          return [[one.x + share * (other.x - one.x), one.y + share * (other.y - one.y)]];
        });
        if (ends.length !== 2) continue;
        line.x.push(ends[0][0], ends[1][0], NaN);
        line.y.push(ends[0][1], ends[1][1], NaN);
      }
    }
  }
  return line;
}

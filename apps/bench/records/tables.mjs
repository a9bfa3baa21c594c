import { barsTable, markdownTable } from '../harness/tables.mjs'
import { barsOf, rows } from './bars.mjs'

/** The tables of the README, from what was measured. */
export function recordTables(found) {
  const { results, versions } = found
  const names = [...new Set(Object.values(results).flatMap((each) => Object.keys(each)))]
  const lines = rows
    .filter(({ workload }) => results[workload] !== undefined)
    .map(({ workload, measure, what }) => [
      `${what}, ${measure}`,
      ...names.map((name) => cell(results[workload][name], measure)),
    ])
  return {
    records: markdownTable(['', ...names], lines),
    ...(versions !== undefined && { bars: barsTable(barsOf(found), count), environment: environmentText(found) }),
  }
}

function cell(measured, measure) {
  if (measured?.tooSlow) return 'gave up'
  if (measured?.[measure] === undefined) return '–'
  const { median, spread } = measured[measure]
  return median === 0 ? '0' : `${count(median)} ±${Math.round((spread * 100) / 2)} %`
}

function environmentText({ rounds, versions, environment: { date, node, platform, cores, cpu } }) {
  const peers = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return `${date}, Node ${node}, ${cores} cores of ${cpu}, ${platform}; ${peers.join(', ')}. Rounds: ${rounds}.`
}

const count = (number) => number.toLocaleString('en', { maximumSignificantDigits: 3 })

import { barsTable, markdownTable } from '../harness/tables.mjs'
import { barsOf } from './bars.mjs'

/** The tables of the README, from what was measured. */
export function mergeTables(found) {
  const { results, versions, environment } = found
  const names = [...new Set(Object.values(results).flatMap((each) => Object.keys(each)))]
  const rows = Object.entries(results).map(([workload, each]) => [
    workload,
    ...names.map((name) => cell(each[name], each.Syncline)),
  ])
  return {
    merge: markdownTable(['milliseconds for one merge', ...names], rows),
    ...(versions !== undefined && {
      bars: barsTable(barsOf(found), count),
      environment: environmentText(environment, versions),
    }),
  }
}

function cell(measured, ours) {
  if (measured === undefined) return '–'
  if (measured.tooSlow) return 'gave up'
  const { median, spread, clean, text } = measured
  const differs = ours !== undefined && (clean !== ours.clean || text !== ours.text) ? ', another result' : ''
  return `${count(median)} ±${Math.round((spread * 100) / 2)} %${differs}`
}

function environmentText({ date, node, platform, cores, cpu }, versions) {
  return `${date}, Node ${node}, ${cores} cores of ${cpu}, ${platform}; git ${versions.git}, node-diff3 ${versions['node-diff3']}.`
}

const count = (number) => number.toLocaleString('en', { maximumSignificantDigits: 6 })

/** Each load: how it is made, and what is said of a server under it. A first, shorter one lets the code of the server be compiled. */
export const workloads = {
  'burst 10': { take: burst(10, 20_000) },
  'burst 100': { take: burst(100, 3_000) },
  'burst 1000': { take: burst(1_000, 300) },
  'steady 10': { take: steadily((load) => load.steady(1, 10, 200, 5)) },
  'steady 1000': { take: steadily((load) => load.steady(1, 1_000, 10, 5)) },
  presence: { take: steadily((load) => load.presence(100, 5, 4)) },
  rooms: { take: steadily((load) => load.steady(1_000, 2, 5, 4)) },
}

/** CPU seconds for a million edits that are brought to somebody. */
const perMillion = (cpuUs, deliveries) => cpuUs / deliveries

function burst(clients, edits) {
  return async (server, createLoad) => {
    const meter = createMeter(server)
    const load = createLoad(server.name, server.port, meter.mark)
    await load.burst(10, 10_000)
    const deliveries = await load.burst(clients, edits)
    return { cpu: perMillion(meter.cpuUs(), deliveries) }
  }
}

function steadily(act) {
  return async (server, createLoad) => {
    const meter = createMeter(server)
    const load = createLoad(server.name, server.port, meter.mark)
    await load.burst(10, 10_000)
    const { deliveries, latenciesMs } = await act(load)
    const sorted = [...latenciesMs].sort((a, b) => a - b)
    const at = (share) => sorted[Math.floor(sorted.length * share)]
    return { cpu: perMillion(meter.cpuUs(), deliveries), p50: at(0.5), p99: at(0.99) }
  }
}

/** What a server uses from one mark to the next. */
function createMeter(server) {
  let used = { before: undefined, after: undefined }
  return {
    async mark(isOver) {
      const usage = await server.usage()
      used = isOver ? { ...used, after: usage } : { before: usage, after: undefined }
    },
    cpuUs: () => used.after.cpuUs - used.before.cpuUs,
  }
}

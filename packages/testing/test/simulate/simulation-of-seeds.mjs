/** Stands for a simulation, in a module that Node can load: every tenth seed fails. */
export const simulation = {
  async run(seed) {
    if (seed % 10 !== 0) return { counts: { actions: seed % 3, seeds: 1 } }
    throw Object.assign(new Error(`Seed ${seed} failed.`), { code: 'failed' })
  },
}

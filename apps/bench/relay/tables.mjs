export const relayTables = () => ({})

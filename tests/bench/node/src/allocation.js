// Which warehouse sends what: fewest parcels, then most stock, then by name.

function combinations(names, size) {
  if (size === 0) return [[]];
  return names.flatMap((name, index) => combinations(names.slice(index + 1), size - 1).map((rest) => [name, ...rest]));
}

/** Parcels for the lines, or nothing when there is too little of something. `available(location, sku)` is in units. */
export function allocate(lines, locations, available) {
  const at = (location, sku) => Math.max(0, available(location, sku));
  const total = (chosen, sku) => chosen.reduce((sum, location) => sum + at(location, sku), 0);
  const stock = (chosen) => lines.reduce((sum, { sku }) => sum + total(chosen, sku), 0);
  const fills = (chosen) => lines.every(({ sku, quantity }) => total(chosen, sku) >= quantity);
  if (!fills(locations)) return undefined;
  for (let parcels = 1; parcels <= locations.length; parcels += 1) {
    const able = combinations(locations, parcels).filter(fills);
    if (able.length) {
      able.sort((a, b) => stock(b) - stock(a) || (a.join() < b.join() ? -1 : 1));
      return split(lines, able[0], at);
    }
  }
  return undefined;
}

function split(lines, chosen, at) {
  const useful = (location) => lines.reduce((sum, { sku, quantity }) => sum + Math.min(at(location, sku), quantity), 0);
  const order = [...chosen].sort((a, b) => useful(b) - useful(a) || (a < b ? -1 : 1));
  const parcels = new Map();
  for (const { sku, quantity } of lines) {
    let wanted = quantity;
    const whole = order.find((location) => at(location, sku) >= wanted);
    for (const location of whole ? [whole] : order) {
      const taken = Math.min(at(location, sku), wanted);
      if (taken > 0) {
        wanted -= taken;
        if (!parcels.has(location)) parcels.set(location, []);
        parcels.get(location).push({ sku, quantity: taken });
      }
    }
  }
  return order.filter((location) => parcels.has(location)).map((location) => ({ location, lines: parcels.get(location) }));
}

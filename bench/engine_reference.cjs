// Speed of the published Node packages on the inputs of engine_inputs.json; run by bench/engine.py.
// Usage: NODE_PATH=<node_modules> node engine_reference.cjs <inputs.json>
const fs = require('fs')
const { parseFql, validate } = require('@segment/destination-subscriptions')
const { transform } = require('@segment/actions-core')

const inputs = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'))

function bestRate(count, run) {
  let best = 0
  for (let round = 0; round < 5; round++) {
    const started = process.hrtime.bigint()
    for (let i = 0; i < count; i++) run(inputs.events[i & 3])
    best = Math.max(best, count / (Number(process.hrtime.bigint() - started) / 1e9))
  }
  return best
}

const tree = parseFql(inputs.trigger)
console.log(
  JSON.stringify({
    fql_match: bestRate(200000, (event) => validate(tree, event)),
    mapping_resolve: bestRate(8000, (event) => transform(inputs.mapping, event))
  })
)

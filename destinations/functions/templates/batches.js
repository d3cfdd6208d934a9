// Up to 100 events at once. Return one {status, errorMessage} per event, or nothing when all went well.
async function onBatch(events, settings) {
  const response = await fetch(settings.endpoint, {
    method: "POST",
    headers: {
      "Authorization": `Bearer ${settings.apiKey}`,
      "Content-Type": "application/json",
    },
    body: JSON.stringify({ people: events.map((event) => ({ id: event.userId, ...event.traits })) }),
  });
  if (response.status === 429 || response.status >= 500) {
    throw new RetryError(`The API answered ${response.status}.`);
  }
  const { rejected = [] } = response.ok ? await response.json() : { rejected: events.map((event) => event.userId) };
  return events.map((event) =>
    rejected.includes(event.userId) ? { status: 400, errorMessage: "The API refused this person." } : { status: 200 });
}

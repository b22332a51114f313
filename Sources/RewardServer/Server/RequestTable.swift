/// The requests that wait for their answers, by connection and id and by their name in the scheduler.
struct RequestTable {
    private var requests: [JobKey: OpenRequest] = [:]
    /// Scheduler names by connection and client's id.
    private var names: [JobKey: JobKey] = [:]
    private var serial: UInt64 = 0

    var isEmpty: Bool { requests.isEmpty }
    var count: Int { requests.count }

    /// The earliest deadline of all.
    var nextDeadline: Duration? { requests.values.compactMap(\.deadline).min() }

    /// A name that no other request has had: ids may be used again, and late results must not meet a namesake.
    mutating func nextKey(client: [UInt8]) -> JobKey {
        serial += 1
        return JobKey(client: client, request: withUnsafeBytes(of: serial, Array.init))
    }

    func contains(client: [UInt8], id: [UInt8]) -> Bool {
        names[JobKey(client: client, request: id)] != nil
    }

    mutating func open(_ request: OpenRequest) {
        requests[request.key] = request
        names[JobKey(client: request.route.client, request: request.id)] = request.key
    }

    mutating func update(_ key: JobKey, _ change: (inout OpenRequest) -> Void) {
        guard let index = requests.index(forKey: key) else { return }
        change(&requests.values[index])
    }

    mutating func closeIfAnswered(_ key: JobKey) -> OpenRequest? {
        guard let request = requests[key], request.unanswered == 0 else { return nil }
        return close(key)
    }

    mutating func close(client: [UInt8], id: [UInt8]) -> OpenRequest? {
        names[JobKey(client: client, request: id)].flatMap { close($0) }
    }

    mutating func closeOverdue(now: Duration) -> [OpenRequest] {
        requests.values.filter { $0.deadline.map { $0 <= now } ?? false }.compactMap { close($0.key) }
    }

    mutating func closeAll() -> [OpenRequest] {
        requests.keys.compactMap { close($0) }
    }

    /// Drops a client's requests and returns how many there were.
    mutating func forget(client: [UInt8]) -> Int {
        let keys = requests.keys.filter { $0.client == client }
        for key in keys { _ = close(key) }
        return keys.count
    }

    private mutating func close(_ key: JobKey) -> OpenRequest? {
        guard let request = requests.removeValue(forKey: key) else { return nil }
        names[JobKey(client: request.route.client, request: request.id)] = nil
        return request
    }
}

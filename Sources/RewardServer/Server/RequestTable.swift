/// The requests that wait for their answers, by connection and id and by their name in the scheduler.
struct RequestTable {
    private var requests: [JobKey: OpenRequest] = [:]
    /// Scheduler names by connection and client's id.
    private var names: [JobKey: JobKey] = [:]
    private var serial: UInt64 = 0

    var isEmpty: Bool { requests.isEmpty }
    var count: Int { requests.count }

    /// The earliest deadline, or moment to tell of progress, of all.
    var nextEvent: Duration? {
        var next: Duration?
        for request in requests.values {
            for moment in [request.deadline, request.nextProgress] {
                if let moment { next = min(next ?? moment, moment) }
            }
        }
        return next
    }

    /// The requests whose senders want to hear of them now.
    mutating func takeDueProgress(now: Duration) -> [(id: [UInt8], route: Listener.Route)] {
        var due: [(id: [UInt8], route: Listener.Route)] = []
        for (key, request) in requests where request.nextProgress.map({ $0 <= now }) ?? false {
            update(key) { $0.noteProgress(now: now) }
            due.append((request.id, request.route))
        }
        return due
    }

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
        names[JobKey(client: request.key.client, request: request.id)] = request.key
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

    mutating func closeAll(where isMeant: (OpenRequest) -> Bool) -> [OpenRequest] {
        requests.values.filter(isMeant).compactMap { close($0.key) }
    }

    private mutating func close(_ key: JobKey) -> OpenRequest? {
        guard let request = requests.removeValue(forKey: key) else { return nil }
        names[JobKey(client: request.key.client, request: request.id)] = nil
        return request
    }
}

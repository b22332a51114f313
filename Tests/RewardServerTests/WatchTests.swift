import FoundationEssentials
import Glibc
import RewardModel
import RewardServer
import RewardWire
import Testing

/// Metrics, health and the page of a running server, over real connections.
@Suite struct WatchTests {
    private struct Watched {
        let server: RunningServer
        let metrics: ServerMetrics
        let http: HTTPListener
    }

    private func watched(
        _ scorer: any Scorer, bounds: HTTPListener.Bounds = .init(),
        _ change: (inout ServerConfiguration) -> Void = { _ in }
    ) throws -> Watched {
        let metrics = ServerMetrics(model: scorer.info)
        let server = try RunningServer(scorer) {
            $0.observe = { metrics.note($0) }
            change(&$0)
        }
        let watch = WatchPoint(metrics, poke: server.poke)
        let http = try HTTPListener(host: "127.0.0.1", port: 0, bounds: bounds) { watch.respond(to: $0) }
        http.start()
        return Watched(server: server, metrics: metrics, http: http)
    }

    /// The value of a sample, by its whole name with labels.
    private func value(_ name: String, _ text: String) -> Double? {
        text.split(separator: "\n").first { $0.hasPrefix("\(name) ") }.flatMap { Double($0.dropFirst(name.count + 1)) }
    }

    @Test func everyRequestIsCountedByWhatBecameOfIt() throws {
        let scorer = try SlowScorer()
        let watched = try watched(scorer) { $0.queue = SchedulerLimits(maxBatch: 4, maxQueuedItems: 4) }
        let client = try RawClient(watched.server.endpoint)
        try client.wait { $0.ready }
        try client.send(1, ["a", "poison", String(repeating: "b", count: 500)].map { TinyModel.item($0) })
        #expect(try client.reply().header.items.count == 3)
        try client.send(2, (0..<5).map { TinyModel.item("\($0)") })
        #expect(try client.reply().header.status.code == .tooLarge)
        _ = try client.health()
        let reply = try HTTPClient.get(watched.http.address, "/metrics")
        #expect(reply.status == 200 && reply.head.contains("text/plain; version=0.0.4"))
        let text = reply.body
        let wanted: [(String, Double)] = [
            ("rahf_requests_total{result=\"answered\"}", 1), ("rahf_requests_total{result=\"refused\"}", 1),
            ("rahf_requests_accepted_total", 1), ("rahf_items_total{result=\"ok\"}", 2),
            ("rahf_items_total{result=\"failed\"}", 1),
            ("rahf_failures_total{code=\"non_finite_result\",level=\"item\"}", 1),
            ("rahf_failures_total{code=\"too_large\",level=\"request\"}", 1),
            ("rahf_failures_total{code=\"overloaded\",level=\"request\"}", 0),
            ("rahf_reward_count{score=\"overall\"}", 2), ("rahf_reward_bucket{score=\"overall\",le=\"0.05\"}", 1),
            ("rahf_reward_bucket{score=\"overall\",le=\"0.5\"}", 2), ("rahf_batch_items_sum", 3),
            ("rahf_decode_seconds_count", 3), ("rahf_model_seconds_count", 1), ("rahf_ready", 1),
            ("rahf_queue_items", 0), ("rahf_clients", 1),
        ]
        for (name, count) in wanted { #expect(value(name, text) == count, "\(name)") }
        #expect(text.contains("rahf_model_info{name=\"\(scorer.info.name)\",digest=\"\(scorer.info.digest)\""))
        #expect(try #require(value("rahf_received_bytes_total", text)) > 200)
        #expect(try #require(value("process_resident_memory_bytes", text)) > 1_000_000)
        try watched.server.stop()
    }

    @Test func whileTheModelWorksEverythingIsAnsweredAndTheQueueIsSeen() throws {
        let scorer = try SlowScorer(isOpen: false)
        let watched = try watched(scorer) { $0.queue.maxBatch = 1 }
        let client = try RawClient(watched.server.endpoint)
        try client.send(1, (0..<3).map { TinyModel.item("\($0)") })
        try client.wait { $0.runningItems > 0 }
        usleep(30_000)
        let text = try HTTPClient.get(watched.http.address, "/metrics").body
        #expect(value("rahf_queue_items", text) == 2 && value("rahf_running_items", text) == 1)
        #expect(try #require(value("rahf_queue_oldest_seconds", text)) > 0.02)
        #expect(try #require(value("rahf_running_seconds", text)) > 0.02)
        #expect(try HTTPClient.get(watched.http.address, "/healthz").body == "live\n")
        #expect(try HTTPClient.get(watched.http.address, "/readyz").status == 200)
        watched.server.drain()
        var ready = try HTTPClient.get(watched.http.address, "/readyz")
        for _ in 0..<500 where ready.status == 200 {
            usleep(2000)
            ready = try HTTPClient.get(watched.http.address, "/readyz")
        }
        #expect(ready.status == 503 && ready.body == "draining\n")
        #expect(try HTTPClient.get(watched.http.address, "/healthz").status == 200, "it is alive until its end")
        scorer.open()
        #expect(try client.reply().header.items.count == 3)
        try watched.server.wait()
    }

    @Test func aServerWhoseSocketsThreadHasEndedIsNotLive() throws {
        let watched = try watched(try SlowScorer())
        try watched.server.stop()
        #expect(try HTTPClient.get(watched.http.address, "/healthz").status == 503)
    }

    @Test func thePageAsksOnlyThisServerAndItsFiguresAreJSON() throws {
        let watched = try watched(try SlowScorer())
        let client = try RawClient(watched.server.endpoint)
        try client.send(1, [TinyModel.item("a cat")])
        _ = try client.reply()
        let page = try HTTPClient.get(watched.http.address, "/")
        #expect(page.status == 200 && page.body.contains("</html>") && !page.body.contains("http"))
        #expect(page.head.contains("default-src 'none'"))
        for span in ["recent", "run"] {
            let figures = try HTTPClient.get(watched.http.address, "/figures.json?span=\(span)")
            let json = try JSONDecoder().decode(Figures.self, from: Data(figures.body.utf8))
            #expect(json.items == 1 && json.state == "ready" && json.columns.map(\.count) == [1] && json.span == span)
            #expect(json.columns[0].counts.map { $0.reduce(0, +) } == [1, 1, 1, 1] && json.first.count == 1)
        }
        try watched.server.stop()
    }

    private struct Figures: Decodable {
        struct Column: Decodable {
            var count: Int
            var counts: [[Int]]
        }
        var state: String
        var items: Int
        var span: String
        var columns: [Column]
        var first: Column
    }

    @Test func strangersGetAStatusAndNobodyWaitsForThem() throws {
        var bounds = HTTPListener.Bounds()
        bounds.connections = 4
        // Long enough for an answer beside every other test.
        bounds.time = .seconds(4)
        let watched = try watched(try SlowScorer(), bounds: bounds)
        let address = watched.http.address
        #expect(try HTTPClient.get(address, "/secret").status == 404)
        #expect(try HTTPClient.exchange(address, "POST / HTTP/1.1\r\n\r\n").status == 405)
        #expect(try HTTPClient.exchange(address, "GET / HTTP/2.0\r\n\r\n").status == 505)
        #expect(try HTTPClient.exchange(address, "hello\r\n\r\n").status == 400)
        #expect(try HTTPClient.exchange(address, String(repeating: "x", count: 9000)).status == 431)
        // The server's own thread may not have turned yet.
        var waits = 0
        while try HTTPClient.get(address, "/readyz").status != 200, waits < 500 {
            usleep(20_000)
            waits += 1
        }
        let head = try HTTPClient.exchange(address, "HEAD /readyz HTTP/1.0\n\n")
        #expect(head.status == 200, "\(head.head)")
        #expect(head.body.isEmpty && head.head.contains("Content-Length: 6"), "\(head.head)")
        // More stuck clients than connections; then one that asks.
        let stuck = try (0..<10).map { _ in try HTTPClient.open(address, sending: "GET /metr") }
        #expect(try HTTPClient.get(address, "/readyz").status == 200)
        // The last of them is closed when its time is over, not before.
        var byte: UInt8 = 0
        #expect(recv(stuck[9], &byte, 1, 0) == 0)
        for descriptor in stuck { close(descriptor) }
        try watched.server.stop()
    }
}

/// One request a connection, by hand.
enum HTTPClient {
    struct Reply {
        var status: Int
        var head: String
        var body: String
    }

    static func get(_ address: String, _ path: String) throws -> Reply {
        try exchange(address, "GET \(path) HTTP/1.1\r\nHost: \(address)\r\n\r\n")
    }

    static func open(_ address: String, sending text: String) throws -> Int32 {
        var target = sockaddr_in()
        target.sin_family = sa_family_t(AF_INET)
        target.sin_port = try #require(UInt16(address.split(separator: ":")[1])).bigEndian
        target.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let status = withUnsafePointer(to: &target) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(status == 0)
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let bytes = Array(text.utf8)
        _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        return descriptor
    }

    static func exchange(_ address: String, _ text: String) throws -> Reply {
        let descriptor = try open(address, sending: text)
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while case let count = recv(descriptor, &chunk, chunk.count, 0), count > 0 { bytes += chunk[..<count] }
        let all = String(decoding: bytes, as: UTF8.self)
        let end = try #require(all.firstRange(of: "\r\n\r\n"), "no answer")
        let head = String(all[..<end.lowerBound])
        let words = head.split(separator: " ")
        return Reply(status: try #require(Int(words[1])), head: head, body: String(all[end.upperBound...]))
    }
}

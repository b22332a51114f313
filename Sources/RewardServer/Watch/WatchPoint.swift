import FoundationEssentials
import Glibc
import RewardModel

/// A server's figures over HTTP: `/metrics`, `/healthz`, `/readyz`, and `/`, a page that draws them.
package struct WatchPoint: Sendable {
    private let metrics: ServerMetrics
    private let poke: @Sendable () -> Void

    /// - Parameter poke: makes the server's sockets' thread turn, when it still can.
    package init(_ metrics: ServerMetrics, poke: @escaping @Sendable () -> Void) {
        self.metrics = metrics
        self.poke = poke
    }

    package func respond(to request: HTTPRequest) -> HTTPResponse {
        switch request.path {
        case "/": HTTPResponse(type: "text/html; charset=utf-8", WatchPage.text)
        case "/metrics": HTTPResponse(type: Exposition.contentType, metrics.text)
        case "/healthz":
            isAlive ? HTTPResponse("live\n") : HTTPResponse(status: 503, "the sockets' thread does not turn\n")
        case "/readyz": readiness
        case "/figures.json": figures(request.query == "span=run" ? .run : .recent)
        default: HTTPResponse(status: 404, "there is /, /metrics, /healthz, /readyz and /figures.json\n")
        }
    }

    /// The thread that answers clients must turn when it is poked; the model may take as long as it likes.
    private var isAlive: Bool {
        let before = metrics.turns
        for attempt in 0..<200 {
            if attempt % 20 == 0 { poke() }
            if metrics.turns != before { return true }
            usleep(5000)
        }
        return false
    }

    private var readiness: HTTPResponse {
        let state = metrics.state
        if state.isReady { return HTTPResponse("ready\n") }
        return HTTPResponse(status: 503, state.isDraining ? "draining\n" : "not ready\n")
    }

    // MARK: The page's figures

    private struct Figures: Encodable {
        var model: String
        var digest: String
        var trained: Bool
        var version: String
        var uptime: Double
        var state: String
        var queueItems: Int
        var queueOldest: Double
        var running: Int
        var runningFor: Double
        var clients: Int
        var requests: Int
        var items: Int
        var failed: Int
        var refused: Int
        var failures: [String: Int]
        var batchMean: Double
        var modelSeconds: Double
        var scores: [String]
        var span: String
        /// Seconds of a column.
        var width: Double
        var capacity: Int
        var columns: [RewardHistory.Column]
        /// The first rewards, which later ones are compared with.
        var first: RewardHistory.Column
    }

    private func figures(_ span: RewardHistory.Span) -> HTTPResponse {
        let counts = metrics.snapshot()
        let (now, state) = (ContinuousClock.now, counts.state)
        let history = span == .recent ? counts.recent : counts.run
        var failures: [String: Int] = [:]
        for (code, count) in counts.itemFailures.merging(counts.requestFailures, uniquingKeysWith: +) {
            failures[code.rawValue] = count
        }
        func seconds(_ since: ContinuousClock.Instant?) -> Double {
            since.map { $0.duration(to: now) / .seconds(1) } ?? 0
        }
        func mean(_ histogram: Histogram) -> Double {
            histogram.count == 0 ? 0 : histogram.sum / Double(histogram.count)
        }
        let figures = Figures(
            model: metrics.model.name, digest: metrics.model.digest, trained: metrics.model.config.trained,
            version: rahfVersion, uptime: seconds(metrics.started),
            state: state.isReady ? "ready" : state.isDraining ? "draining" : "not ready",
            queueItems: state.queuedItems, queueOldest: seconds(state.oldestArrival), running: state.runningItems,
            runningFor: seconds(state.runningSince), clients: state.clients, requests: counts.requests.answered,
            items: counts.items.answered, failed: counts.items.failed, refused: counts.requests.refused,
            failures: failures, batchMean: mean(counts.batchItems), modelSeconds: mean(counts.model),
            scores: ScoreKind.allCases.map(\.rawValue), span: history.span.rawValue,
            width: history.width / .seconds(1), capacity: history.capacity, columns: history.columns,
            first: counts.first)
        do {
            let json = try JSONEncoder().encode(figures)
            return HTTPResponse(type: "application/json", String(decoding: json, as: UTF8.self))
        } catch { return HTTPResponse(status: 503, "no figures: \(error)\n") }
    }
}

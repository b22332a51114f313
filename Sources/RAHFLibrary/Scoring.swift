// swift-format-ignore-file: AlwaysUseLowerCamelCase
public import CRAHF
import RewardModel

/// Scores the items of a request in passes, asking between them whether to go on.
struct Scoring {
    let model: ModelHandle
    let predictor: Predictor
    let request: RequestHandle

    func run() -> [Result<Prediction, Failure>] {
        let items = request.items
        var results: [Result<Prediction, Failure>] = []
        while results.count < items.count {
            if let cancel = request.cancel, cancel.isWanted(done: results.count, of: items.count) {
                let failure = Failure(.cancelled, "cancelled after \(results.count) of \(items.count) items")
                results += items[results.count...].map { _ in .failure(failure) }
                break
            }
            results += score(items[results.count..<passEnd(items, from: results.count)])
        }
        return results
    }

    /// One past the last item of the next pass. Gradients go one by one in any case, so such an item is a pass.
    private func passEnd(_ items: [RequestItem], from start: Int) -> Int {
        var end = start
        while end < items.count, end - start < model.maxBatch {
            if items[end].objective != nil { return end == start ? end + 1 : end }
            end += 1
        }
        return end
    }

    private func score(_ items: ArraySlice<RequestItem>) -> [Result<Prediction, Failure>] {
        var results: [Result<Prediction, Failure>] = []
        var decoded: [PredictionItem] = []
        var positions: [Int] = []
        for item in items {
            do throws(Failure) {
                decoded.append(try item.decode())
                positions.append(results.count)
                results.append(.failure(Failure(.internalError, "not computed")))
            } catch { results.append(.failure(error)) }
        }
        for (position, result) in zip(positions, predictor.predict(decoded)) { results[position] = result }
        return results
    }
}

@c @implementation
public func rahf_score(
    _ model: OpaquePointer!, _ request: OpaquePointer!, _ result: UnsafeMutablePointer<OpaquePointer?>!
) -> rahf_status {
    attempt(giving: result, ResultHandle.typeName) { () throws(Failure) in
        let model = try ModelHandle.get(model)
        let request = try RequestHandle.get(request)
        guard !request.items.isEmpty else { throw Failure(.invalidRequest, "the request has no items") }
        guard let predictor = model.predictor else { throw Failure(.invalidRequest, "the model is being freed") }
        let started = ContinuousClock.now
        let results = Scoring(model: model, predictor: predictor, request: request).run()
        if let log = model.log {
            let failed = results.count { if case .failure = $0 { true } else { false } }
            let time = started.duration(to: .now).milliseconds
            log(.debug, "scored \(results.count) items in \(time) ms, \(failed) of them failed")
        }
        return ResultHandle(
            zip(results, request.items).map { ItemAnswer.make($0, for: $1) }, digest: model.info.digest)
    }
}

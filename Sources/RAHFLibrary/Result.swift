// swift-format-ignore-file: AlwaysUseLowerCamelCase
public import CRAHF
import RewardImage
import RewardModel

/// `rahf_result`.
final class ResultHandle: Handle {
    override class var typeName: String { "rahf_result" }

    let items: [Result<ItemAnswer, Failure>]
    let messages: [Text]
    let digest: Text

    init(_ items: [Result<ItemAnswer, Failure>], digest: String) {
        self.items = items
        self.digest = Text(digest)
        messages = items.map { item in
            if case .failure(let failure) = item { Text(failure.message) } else { Text("") }
        }
    }

    /// An item's answer.
    ///
    /// - Throws: the item's own failure, or `invalidRequest` for NULL or an index out of range.
    static func answer(_ pointer: OpaquePointer?, _ item: Int) throws(Failure) -> ItemAnswer {
        let items = try get(pointer).items
        guard items.indices.contains(item) else {
            throw Failure(
                .invalidRequest, "item \(UInt(bitPattern: item)) is out of range; the result has \(items.count)")
        }
        return try items[item].get()
    }

    /// The same for getters without a status: nil when there is no answer.
    static func answerIfAny(_ pointer: OpaquePointer?, _ item: Int) -> ItemAnswer? {
        guard let items = find(pointer)?.items, items.indices.contains(item) else { return nil }
        return try? items[item].get()
    }
}

@c @implementation
public func rahf_result_free(_ result: OpaquePointer!) {
    Handle.release(result)
}

@c @implementation
public func rahf_result_count(_ result: OpaquePointer!) -> Int {
    ResultHandle.find(result)?.items.count ?? 0
}

@c @implementation
public func rahf_result_model_digest(_ result: OpaquePointer!) -> UnsafePointer<CChar>! {
    ResultHandle.find(result)?.digest.pointer ?? StaticText.empty
}

@c @implementation
public func rahf_result_status(_ result: OpaquePointer!, _ item: Int) -> rahf_status {
    guard let items = ResultHandle.find(result)?.items, items.indices.contains(item) else {
        return rahf_status(RAHF_STATUS_INVALID_REQUEST)
    }
    switch items[item] {
    case .success: return rahf_status(RAHF_STATUS_OK)
    case .failure(let failure): return failure.code.status
    }
}

@c @implementation
public func rahf_result_message(_ result: OpaquePointer!, _ item: Int) -> UnsafePointer<CChar>! {
    guard let messages = ResultHandle.find(result)?.messages, messages.indices.contains(item) else {
        return StaticText.empty
    }
    return messages[item].pointer
}

@c @implementation
public func rahf_result_scores(
    _ result: OpaquePointer!, _ item: Int, _ scores: UnsafeMutablePointer<Float>!
) -> rahf_status {
    attempt { () throws(Failure) in
        guard let found = try ResultHandle.answer(result, item).scores else { throw notAsked("scores") }
        guard let scores else { return }
        for (index, kind) in ScoreKind.allCases.enumerated() { scores[index] = found[kind] }
    }
}

@c @implementation
public func rahf_result_heatmap(
    _ result: OpaquePointer!, _ item: Int, _ heatmap: Int32, _ values: UnsafeMutablePointer<UnsafePointer<Float>?>!,
    _ width: UnsafeMutablePointer<UInt32>!, _ height: UnsafeMutablePointer<UInt32>!
) -> rahf_status {
    attempt { () throws(Failure) in
        let kind = try HeatmapKind(number: heatmap)
        guard let map = try ResultHandle.answer(result, item).heatmaps[kind] else { throw notAsked("heatmaps") }
        values?.pointee = map.values.pointer
        width?.pointee = map.width
        height?.pointee = map.height
    }
}

@c @implementation
public func rahf_result_gradient(
    _ result: OpaquePointer!, _ item: Int, _ values: UnsafeMutablePointer<UnsafePointer<Float>?>!,
    _ width: UnsafeMutablePointer<UInt32>!, _ height: UnsafeMutablePointer<UInt32>!,
    _ objective: UnsafeMutablePointer<Float>!, _ norm: UnsafeMutablePointer<Float>!
) -> rahf_status {
    attempt { () throws(Failure) in
        guard let gradient = try ResultHandle.answer(result, item).gradient else { throw notAsked("a gradient") }
        values?.pointee = gradient.map.values.pointer
        width?.pointee = gradient.map.width
        height?.pointee = gradient.map.height
        objective?.pointee = gradient.objective
        norm?.pointee = gradient.norm
    }
}

func notAsked(_ what: String) -> Failure {
    Failure(.invalidRequest, "the item did not ask for \(what)")
}

import RewardImage
import RewardModel

/// What `regions.json` and the terminal say about one image.
struct MaskReport {
    enum Outcome {
        case failed(Failure)
        case nothingToRepair(MaskResult)
        case masked(MaskResult)
    }

    var input: MaskInput
    var outcome: Outcome
    var notes: [Note] = []
    /// File names in the output folder; one, or one per region.
    var masks: [String] = []
    var preview: String?
    /// Pixels above 0 in all masks, before inverting, as a share of the image.
    var share: Float = 0

    var json: JSON {
        var fields: [(String, JSON)] = [("image", .string(input.image)), ("stem", .string(input.stem))]
        if let prompt = input.prompt { fields.append(("prompt", .string(prompt))) }
        switch outcome {
        case .failed(let failure):
            fields.append(("status", .string("error")))
            fields.append(
                ("error", .object([("code", .string(failure.code.rawValue)), ("message", .string(failure.message))])))
        case .nothingToRepair(let result):
            fields.append(("status", .string("nothing_to_repair")))
            fields.append(("reason", .string(Self.reason(result))))
            fields += Self.figures(result)
        case .masked(let result):
            fields.append(("status", .string("masked")))
            fields.append(("masks", .array(masks.map { .string($0) })))
            if let preview { fields.append(("preview", .string(preview))) }
            fields.append(("masked_share", .number(share)))
            fields += Self.figures(result)
            fields.append(("regions", .array(result.regions.map(\.json))))
        }
        if !notes.isEmpty { fields.append(("notes", .array(notes.map(\.json)))) }
        return .object(fields)
    }

    private static func figures(_ result: MaskResult) -> [(String, JSON)] {
        [
            ("width", .integer(result.heatmap.width)), ("height", .integer(result.heatmap.height)),
            ("threshold", result.threshold.map { .number($0) } ?? .null),
            ("low", result.low.map { .number($0) } ?? .null),
            ("peak", .number(result.heatmap.values.max() ?? 0)),
            (
                "dropped",
                .object([
                    ("small", .integer(result.dropped.small)), ("huge", .integer(result.dropped.huge)),
                    ("beyond_keep", .integer(result.dropped.beyondKeep)), ("lost", .integer(result.dropped.lost)),
                ])
            ),
        ]
    }

    /// Why there is no mask, as a sentence without its end.
    static func reason(_ result: MaskResult) -> String {
        guard let threshold = result.threshold else { return "the heatmap is flat" }
        let dropped = result.dropped
        if dropped.huge > 0 {
            return "\(count(dropped.huge, "region")) over the largest area: generate the image anew instead"
        }
        if dropped.small > 0 { return "\(count(dropped.small, "region")) under the least area" }
        if dropped.lost > 0 { return "\(count(dropped.lost, "region")) lost in opening, erosion or the offset" }
        return "the highest value, \(result.heatmap.values.max() ?? 0), is under the threshold \(threshold)"
    }

    static func count(_ number: Int, _ noun: String) -> String {
        number == 1 ? "1 \(noun)" : "\(number) \(noun)s"
    }

    /// One line for people.
    var line: String {
        switch outcome {
        case .failed(let failure): return "\(input.image)  \(failure.description)"
        case .nothingToRepair(let result): return "\(input.image)  nothing to repair: \(Self.reason(result))"
        case .masked(let result):
            let percent = (share * 1000).rounded() / 10
            return
                "\(input.image)  \(Self.count(result.regions.count, "region")), \(percent)% of the image: \(masks.joined(separator: " "))"
        }
    }
}

extension MaskRegion {
    var json: JSON {
        func list(_ box: PixelBox) -> JSON {
            .array([.integer(box.x), .integer(box.y), .integer(box.width), .integer(box.height)])
        }
        return .object([
            ("box", list(box)), ("crop", list(crop)), ("area", .integer(area)), ("peak", .number(peak)),
            ("mean", .number(mean)),
            ("centroid", .array([.number(Float(centroid.x)), .number(Float(centroid.y))])),
        ])
    }
}

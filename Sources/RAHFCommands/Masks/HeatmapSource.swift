import ArgumentParser
import Glibc
import RewardImage
import RewardModel

/// Which heatmap is made into a mask.
enum HeatmapChoice: String, ExpressibleByArgument, CaseIterable {
    case implausibility, misalignment
    /// The larger of both at each pixel.
    case max
    /// Their sum, at most 1.
    case sum

    var kinds: [HeatmapKind] {
        switch self {
        case .implausibility: [.implausibility]
        case .misalignment: [.misalignment]
        case .max, .sum: HeatmapKind.allCases
        }
    }

    func combine(_ maps: [Heatmap]) throws(Failure) -> Heatmap {
        guard var result = maps.first else { throw Failure(.internalError, "no heatmap to combine") }
        for map in maps.dropFirst() {
            guard map.width == result.width, map.height == result.height else {
                throw Failure(
                    .invalidRequest,
                    "the heatmaps are \(result.width)×\(result.height) and \(map.width)×\(map.height)")
            }
            for (index, value) in map.values.enumerated() {
                let other = result.values[index]
                // NaN must stay NaN, to be refused later.
                result.values[index] =
                    self == .sum ? (other + value > 1 ? 1 : other + value) : (other > value ? other : value)
                if value.isNaN || other.isNaN { result.values[index] = .nan }
            }
        }
        return result
    }
}

/// Where heatmaps come from: a model here or elsewhere, or files made earlier.
protocol HeatmapSource {
    /// One answer per image, in order.
    func heatmaps(
        _ choice: HeatmapChoice, for items: [(input: MaskInput, image: Image, notes: [Note])]
    ) -> [Result<(map: Heatmap, notes: [Note]), Failure>]
}

/// Heatmaps predicted now.
struct PredictedHeatmaps: HeatmapSource {
    var scorer: any Scorer

    func heatmaps(
        _ choice: HeatmapChoice, for items: [(input: MaskInput, image: Image, notes: [Note])]
    ) -> [Result<(map: Heatmap, notes: [Note]), Failure>] {
        let questions = items.map {
            PredictionItem(image: $0.image, imageNotes: $0.notes, prompt: $0.input.prompt ?? "", outputs: .heatmaps)
        }
        return scorer.predict(questions).map { result in
            do throws(Failure) {
                let prediction = try result.get()
                let maps = choice.kinds.compactMap { prediction.heatmaps?[$0] }
                guard maps.count == choice.kinds.count else { throw Failure(.internalError, "a heatmap is missing") }
                return .success((try choice.combine(maps), prediction.notes))
            } catch { return .failure(error) }
        }
    }
}

/// Heatmaps in files: `<stem>.<kind>.npy`, or `<stem>.<kind>.png` when there is no `.npy`.
struct HeatmapFolder: HeatmapSource {
    var path: String

    func heatmaps(
        _ choice: HeatmapChoice, for items: [(input: MaskInput, image: Image, notes: [Note])]
    ) -> [Result<(map: Heatmap, notes: [Note]), Failure>] {
        items.map { item in
            do throws(Failure) {
                var maps: [Heatmap] = []
                for kind in choice.kinds { maps.append(try read("\(path)/\(item.input.stem).\(kind.rawValue)")) }
                return .success((try choice.combine(maps), item.notes))
            } catch { return .failure(error) }
        }
    }

    private func read(_ base: String) throws(Failure) -> Heatmap {
        if access("\(base).npy", F_OK) == 0 {
            let bytes = try WholeFile.read("\(base).npy")
            do { return try NPYDecoder.heatmap(bytes) } catch {
                throw Failure(.invalidRequest, "\(base).npy: \(error)")
            }
        }
        guard access("\(base).png", F_OK) == 0 else {
            throw Failure(.fileError, "neither \(base).npy nor \(base).png exists")
        }
        let picture = try loadImage("\(base).png").image
        do { return try Heatmap(picture) } catch { throw Failure(.invalidRequest, "\(base).png: \(error)") }
    }
}

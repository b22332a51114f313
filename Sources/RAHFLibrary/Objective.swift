// swift-format-ignore-file: AlwaysUseLowerCamelCase
public import CRAHF
import RewardImage
import RewardModel

/// `rahf_objective`.
final class ObjectiveHandle: Handle {
    override class var typeName: String { "rahf_objective" }

    static let maximumTerms = 16

    var objective = Objective()
    var scaling = GradientScaling()
}

extension HeatmapKind {
    /// - Throws: `invalidRequest`, naming the number.
    init(number: Int32) throws(Failure) {
        switch Int(number) {
        case RAHF_HEATMAP_IMPLAUSIBILITY: self = .implausibility
        case RAHF_HEATMAP_MISALIGNMENT: self = .misalignment
        default: throw Failure(.invalidRequest, "there is no heatmap \(number)")
        }
    }
}

extension HeatmapTerm.Reduction {
    /// - Throws: `invalidRequest`, naming the number.
    init(number: Int32) throws(Failure) {
        switch Int(number) {
        case RAHF_REDUCTION_MEAN: self = .mean
        case RAHF_REDUCTION_MASS: self = .mass
        default: throw Failure(.invalidRequest, "there is no reduction \(number)")
        }
    }
}

@c @implementation
public func rahf_objective_new() -> OpaquePointer! {
    ObjectiveHandle().retained()
}

@c @implementation
public func rahf_objective_free(_ objective: OpaquePointer!) {
    Handle.release(objective)
}

@c @implementation
public func rahf_objective_set_score_weight(
    _ objective: OpaquePointer!, _ score: Int32, _ weight: Float
) -> rahf_status {
    attempt { () throws(Failure) in
        let handle = try ObjectiveHandle.get(objective)
        guard ScoreKind.allCases.indices.contains(Int(score)) else {
            throw Failure(.invalidRequest, "there is no score \(score)")
        }
        guard weight.isFinite else { throw Failure(.invalidRequest, "the weight is \(weight)") }
        handle.objective.scoreWeights[ScoreKind.allCases[Int(score)]] = weight
    }
}

@c @implementation
public func rahf_objective_add_heatmap_term(
    _ objective: OpaquePointer!, _ heatmap: Int32, _ reduction: Int32, _ weight: Float, _ mask: UnsafePointer<Float>!,
    _ mask_width: UInt32, _ mask_height: UInt32
) -> rahf_status {
    attempt { () throws(Failure) in
        let handle = try ObjectiveHandle.get(objective)
        guard handle.objective.heatmapTerms.count < ObjectiveHandle.maximumTerms else {
            throw Failure(.tooLarge, "the objective has \(ObjectiveHandle.maximumTerms) heatmap terms already")
        }
        guard weight.isFinite else { throw Failure(.invalidRequest, "the weight is \(weight)") }
        var term = HeatmapTerm(
            heatmap: try HeatmapKind(number: heatmap), weight: weight,
            reduction: try HeatmapTerm.Reduction(number: reduction))
        if let mask {
            term.mask = try Heatmap(mask, mask_width, mask_height, "mask")
        } else if mask_width != 0 || mask_height != 0 {
            throw Failure(.invalidRequest, "the mask is NULL, but its size is \(mask_width)×\(mask_height)")
        }
        handle.objective.heatmapTerms.append(term)
    }
}

@c @implementation
public func rahf_objective_set_gradient_scaling(
    _ objective: OpaquePointer!, _ normalize: Int32, _ clip: Float
) -> rahf_status {
    attempt { () throws(Failure) in
        let handle = try ObjectiveHandle.get(objective)
        guard let normalization = GradientScaling.Normalization(rawValue: normalize) else {
            throw Failure(.invalidRequest, "there is no normalisation \(normalize)")
        }
        guard clip.isFinite, clip >= 0 else { throw Failure(.invalidRequest, "the clip is \(clip)") }
        handle.scaling = GradientScaling(normalization: normalization, clip: clip)
    }
}

extension Heatmap {
    /// Copies a caller's map.
    ///
    /// - Throws: `tooLarge`, or `invalidRequest` for an empty map or a value outside [0, 1].
    init(_ values: UnsafePointer<Float>, _ width: UInt32, _ height: UInt32, _ name: String) throws(Failure) {
        let (width, height) = (Int(width), Int(height))
        guard width > 0, height > 0 else { throw Failure(.invalidRequest, "the \(name) is \(width)×\(height)") }
        let limits = ImageLimits.default
        guard width <= limits.maxSide, height <= limits.maxSide, width * height <= limits.maxPixels else {
            throw Failure(.tooLarge, ImageError.tooLarge(width: width, height: height, limits).description)
        }
        let values = Array(UnsafeBufferPointer(start: values, count: width * height))
        if let bad = values.firstIndex(where: { !(0...1).contains($0) }) {
            throw Failure(
                .invalidRequest,
                "the \(name)'s value at (\(bad % width), \(bad / width)) is \(values[bad]), not in 0...1")
        }
        self.init(width: width, height: height, values: values)
    }
}

/// How well a predicted map agrees with a ground-truth map: MSE and the saliency measures of the paper's section 4.2.1.
///
/// Definitions follow the MIT saliency benchmark (cvzoya/saliency, `code_forMetrics`) and pysaliency; where they differ,
/// each docstring states the choice. Maps are `[height * width]`, of one size, with values in [0, 1] and at least one
/// pixel; sums are taken in double precision.
public enum SaliencyMetrics {
    /// MATLAB's `eps` to the five digits that the Tübingen/MIT benchmark's pysaliency uses. Where a prediction is exactly
    /// 0, those digits and 2⁻⁵² differ by 2 in 10⁵ in the logarithm.
    static let epsilon = 2.2204e-16

    /// The mean of squared differences over the pixels.
    public static func meanSquaredError(_ prediction: [Float], _ truth: [Float]) -> Double {
        check(prediction, truth.count)
        var sum = 0.0
        for index in prediction.indices {
            let difference = Double(prediction[index]) - Double(truth[index])
            sum += difference * difference
        }
        return sum / Double(prediction.count)
    }

    /// CC: Pearson's correlation of the pixels, in [-1, 1]. 0 when either map is constant, as pysaliency has it.
    public static func correlation(_ prediction: [Float], _ truth: [Float]) -> Double {
        check(prediction, truth.count)
        guard !isConstant(prediction), !isConstant(truth) else { return 0 }
        let (meanP, meanT) = (mean(prediction), mean(truth))
        var (pp, tt, pt) = (0.0, 0.0, 0.0)
        for index in prediction.indices {
            let (p, t) = (Double(prediction[index]) - meanP, Double(truth[index]) - meanT)
            pp += p * p
            tt += t * t
            pt += p * t
        }
        let scale = pp.squareRoot() * tt.squareRoot()
        return scale > 0 ? min(max(pt / scale, -1), 1) : 0
    }

    /// KLD: `Σ g ln(ε + g / (p + ε))`, both maps divided by their sums, ε = 2.2204e-16; lower is better.
    ///
    /// The MIT definition: natural logarithm, no rescaling to [0, 1] first, no blur. A map whose sum is 0 counts as
    /// uniform.
    public static func divergence(_ prediction: [Float], _ truth: [Float]) -> Double {
        check(prediction, truth.count)
        let (p, g) = (distribution(prediction), distribution(truth))
        var sum = 0.0
        for index in p.indices where g[index] > 0 {
            sum += g[index] * logarithm(epsilon + g[index] / (p[index] + epsilon))
        }
        return sum
    }

    /// SIM: `Σ min(p, g)`, both maps divided by their sums, in [0, 1].
    ///
    /// - Parameter minMax: true rescales each map to [0, 1] first, as the MIT code does; false does not, as pysaliency
    ///   and the paper's first author's port do not. The choice matters: a floor under a prediction spreads its mass.
    ///   A map whose sum is 0, and with `minMax` a constant one, counts as uniform.
    public static func similarity(_ prediction: [Float], _ truth: [Float], minMax: Bool) -> Double {
        check(prediction, truth.count)
        let p = distribution(prediction, minMax: minMax)
        let g = distribution(truth, minMax: minMax)
        var sum = 0.0
        for index in p.indices { sum += min(p[index], g[index]) }
        return sum
    }

    /// NSS: the mean, over the fixated pixels, of the prediction's standard score.
    ///
    /// The standard deviation is the population's, as in pysaliency (MIT divides by n − 1: 2 in 10⁶ at 512×512). Every
    /// fixated pixel counts once. 0 for a constant prediction; nil without a fixated pixel.
    public static func scanpathSaliency(_ prediction: [Float], fixations: [Bool]) -> Double? {
        check(prediction, fixations.count)
        let mean = mean(prediction)
        var (squares, sum, count) = (0.0, 0.0, 0)
        for index in prediction.indices {
            let difference = Double(prediction[index]) - mean
            squares += difference * difference
            if fixations[index] {
                sum += difference
                count += 1
            }
        }
        guard count > 0 else { return nil }
        guard !isConstant(prediction), squares > 0 else { return 0 }
        return sum / Double(count) / (squares / Double(prediction.count)).squareRoot()
    }

    /// AUC-Judd: how often a fixated pixel is predicted higher than one that is not, ties counting one half.
    ///
    /// The area under the curve that MIT's code draws, taken exactly by ranks and not from a jittered curve. ½ for a
    /// constant prediction; nil when no pixel, or every pixel, is fixated.
    public static func aucJudd(_ prediction: [Float], fixations: [Bool]) -> Double? {
        check(prediction, fixations.count)
        return PixelOrder(prediction).area(fixations: fixations) { _ in 1 }
    }

    /// Shuffled AUC: AUC with the places where other images are fixated as negatives, so that a map which only knows
    /// where fixations usually lie scores ½ (Zhang et al., 2008).
    ///
    /// - Parameter weights: how often other images are fixated at each pixel, not negative. A pixel fixated in this
    ///   image is never a negative.
    /// - Returns: nil when no pixel is fixated, or no negative has weight.
    public static func aucShuffled(_ prediction: [Float], fixations: [Bool], weights: [Double]) -> Double? {
        check(prediction, fixations.count)
        precondition(weights.count == prediction.count, "a weight for each pixel")
        return PixelOrder(prediction).area(fixations: fixations) { weights[$0] }
    }

    /// The pixels that count as fixated: those above a threshold. The paper does not say how it takes fixations from
    /// heatmaps; above 0 (marked by anyone) is the first author's port's rule.
    public static func fixations(_ truth: [Float], above threshold: Float = 0) -> [Bool] {
        truth.map { $0 > threshold }
    }

    // MARK: Parts

    private static func check(_ prediction: [Float], _ count: Int) {
        precondition(!prediction.isEmpty && prediction.count == count, "maps have one size")
    }

    private static func mean(_ map: [Float]) -> Double {
        map.reduce(0.0) { $0 + Double($1) } / Double(map.count)
    }

    private static func isConstant(_ map: [Float]) -> Bool {
        map.allSatisfy { $0 == map[0] }
    }

    /// The map divided by its sum.
    private static func distribution(_ map: [Float], minMax: Bool = false) -> [Double] {
        var values = map.map(Double.init)
        if minMax, let low = values.min(), let high = values.max(), high > low {
            for index in values.indices { values[index] = (values[index] - low) / (high - low) }
        } else if minMax {
            return [Double](repeating: 1 / Double(map.count), count: map.count)
        }
        let sum = values.reduce(0, +)
        guard sum > 0 else { return [Double](repeating: 1 / Double(map.count), count: map.count) }
        return values.map { $0 / sum }
    }
}

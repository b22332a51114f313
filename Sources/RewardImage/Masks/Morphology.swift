/// Binary morphology in time that does not depend on the radius.
///
/// Each operation takes pixels outside its input image as empty, exactly as `scipy.ndimage`'s `binary_*` functions do
/// with their default `border_value=0`:
/// - dilation: nothing grows in from outside;
/// - erosion: a pixel survives only if its whole neighbourhood lies inside the image and is set, so a region that
///   touches the edge is eroded from the edge too;
/// - opening and closing are compositions of these two, each on an image of the same size. What a dilation grew past
///   the edge is cut off before the erosion, so closing eats up to a radius from a region that touches the edge.
extension Mask {
    /// Set where the element, centred on the pixel, covers a set pixel.
    public func dilated(by element: StructuringElement) -> Mask {
        spread(of: true, by: element)
    }

    /// Set where the element, centred on the pixel, covers set pixels of the image only.
    public func eroded(by element: StructuringElement) -> Mask {
        spread(of: false, by: element)
    }

    /// Eroded, then dilated: drops what is narrower than the element.
    public func opened(by element: StructuringElement) -> Mask {
        eroded(by: element).dilated(by: element)
    }

    /// Dilated, then eroded: closes gaps that are narrower than the element.
    public func closed(by element: StructuringElement) -> Mask {
        dilated(by: element).eroded(by: element)
    }

    /// Spreads the set pixels (dilation), or the empty ones and the outside (erosion), by the element.
    ///
    /// First the distance to the nearest source in each pixel's column, up and down; then, row by row, the union of the
    /// intervals that these distances open: at distance d, the element reaches `halfWidths[d]` columns to each side.
    /// Farther sources of the same column reach no wider, since half widths never increase.
    private func spread(of set: Bool, by element: StructuringElement) -> Mask {
        var halfWidths = element.halfWidths(limit: height)
        let far = UInt16(halfWidths.count)
        let unreached = Int32.min / 2
        halfWidths.append(unreached)
        // Outside is a source when the empty spreads: the row above the first is at distance 0.
        let outside: UInt16 = set ? far : 0
        let edge = set ? unreached : halfWidths[0]
        var distances = [UInt16](repeating: 0, count: width * height)
        var row = [UInt16](repeating: outside, count: width)
        var result = Mask(width: width, height: height)
        let (width, height) = (width, height)
        values.withUnsafeBufferPointer { values in
            distances.withUnsafeMutableBufferPointer { distances in
                row.withUnsafeMutableBufferPointer { row in
                    for y in 0..<height {
                        for x in 0..<width {
                            let isSource = (values[y * width + x] != 0) == set
                            let distance = isSource ? 0 : min(row[x] &+ 1, far)
                            row[x] = distance
                            distances[y * width + x] = distance
                        }
                    }
                    row.update(repeating: outside)
                    result.values.withUnsafeMutableBufferPointer { result in
                        halfWidths.withUnsafeBufferPointer { halfWidths in
                            for y in (0..<height).reversed() {
                                let start = y * width
                                var nearest = far
                                for x in 0..<width {
                                    let distance = min(distances[start + x], min(row[x] &+ 1, far))
                                    row[x] = distance
                                    nearest = min(nearest, distance)
                                }
                                let line = UnsafeMutableBufferPointer(rebasing: result[start..<start + width])
                                if nearest == far, set { continue }
                                Self.cover(line, UnsafeBufferPointer(row), halfWidths, edge: edge)
                                if !set { for x in 0..<width { line[x] = ~line[x] } }
                            }
                        }
                    }
                }
            }
        }
        return result
    }

    /// Writes 255 where a column's interval covers the pixel: intervals from the left must reach right to it, and
    /// those from the right must reach left to it.
    private static func cover(
        _ line: UnsafeMutableBufferPointer<UInt8>, _ distances: UnsafeBufferPointer<UInt16>,
        _ halfWidths: UnsafeBufferPointer<Int32>, edge: Int32
    ) {
        var reach = -1 + edge
        for x in 0..<line.count {
            let column = Int32(truncatingIfNeeded: x)
            reach = max(reach, column &+ halfWidths[Int(distances[x])])
            line[x] = reach >= column ? 255 : 0
        }
        reach = Int32(line.count) - edge
        for x in (0..<line.count).reversed() {
            let column = Int32(truncatingIfNeeded: x)
            reach = min(reach, column &- halfWidths[Int(distances[x])])
            if reach <= column { line[x] = 255 }
        }
    }
}

# Rscript make_indirect.R: weights by method of moments, regression and weighted Cox regression, in R alone.
library(survival)
set.seed(2024)
n <- 60
patients <- data.frame(age = round(rnorm(n, 55, 11), 1), late_line = rbinom(n, 1, 0.4),
                       burden = round(exp(rnorm(n, 3, 0.8)), 2))
risk <- plogis(-0.4 + 0.03 * (patients$age - 55) - 0.9 * patients$late_line)
patients$CR <- rbinom(n, 1, risk)
patients$PFS_day <- ceiling(rexp(n, 0.004 * exp(0.5 * patients$late_line)))
patients$PFS_event <- as.integer(patients$PFS_day < 400); patients$PFS_day <- pmin(patients$PFS_day, 400)
other <- data.frame(day = pmin(ceiling(rexp(50, 0.006)), 350)); other$event <- as.integer(other$day < 350)
write.csv(patients, "indirect_patients.csv", row.names = FALSE)
write.csv(other, "indirect_other.csv", row.names = FALSE)

rows <- data.frame(case = character(), quantity = character(), value = numeric())
add <- function(case, quantity, value)
  rows <<- rbind(rows, data.frame(case = case, quantity = quantity, value = as.numeric(value)))
target <- list(age = c(60, 9), late_line = 0.55, burden_median = 25)
means <- cbind(patients$age - target$age[1], patients$late_line - target$late_line,
               (patients$burden <= target$burden_median) - 0.5)
moments <- list(means = means, spread = cbind(means, (patients$age - target$age[1])^2 - target$age[2]^2))
for (case in names(moments)) {
  z <- scale(moments[[case]], center = FALSE)
  height <- function(a) sum(exp(z %*% a))
  slope <- function(a) colSums(as.vector(exp(z %*% a)) * z)
  found <- optim(rep(0, ncol(z)), height, slope, method = "BFGS", control = list(reltol = 1e-16, maxit = 5000))
  w <- as.vector(exp(z %*% found$par)); w <- w / mean(w)
  add(case, "weight_1", w[1]); add(case, "weight_last", w[n]); add(case, "heaviest", max(w))
  add(case, "effective", sum(w)^2 / sum(w^2))
  share <- sum(w * patients$CR) / sum(w)
  # the stacked estimating equations of slopes and share: meat and bread
  psi <- cbind(w * z, w * (patients$CR - share))
  bread <- matrix(0, ncol(psi), ncol(psi)); k <- ncol(z)
  bread[1:k, 1:k] <- -t(z) %*% (w * z)
  bread[k + 1, ] <- c(-t(z) %*% (w * (patients$CR - share)), sum(w))
  inverse <- solve(bread); v <- (inverse %*% (t(psi) %*% psi) %*% t(inverse))[k + 1, k + 1]
  add(case, "share", share); add(case, "error", sqrt(v * n / (n - k - 1)))
  both <- data.frame(day = c(patients$PFS_day, other$day), event = c(patients$PFS_event, other$event),
                     ours = rep(1:0, c(n, nrow(other))), w = c(w, rep(1, nrow(other))))
  fit <- coxph(Surv(day, event) ~ ours, data = both, weights = w, robust = TRUE, ties = "breslow")
  add(case, "log_hazard_ratio", coef(fit)); add(case, "robust_error", sqrt(fit$var))
}
model <- glm(CR ~ age + late_line, family = binomial, data = patients, control = list(epsilon = 1e-14))
add("glm", c("intercept", "age", "late_line"), coef(model))
add("glm", c("intercept_error", "age_error", "late_line_error"), sqrt(diag(vcov(model))))
rows$value <- signif(rows$value, 10)
write.csv(rows, "indirect_r.csv", row.names = FALSE, quote = FALSE)
cat("survival", as.character(packageVersion("survival")), R.version.string, "\n")
